package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// In a damaged file a line can stand anywhere: an older copy was appended, blocks of
// the disk changed places, a newline was lost. So each is taken whose own hash holds,
// and its seq says when it was written, not its place: an old line that stands last
// undoes nothing.

const (
	// lineMark begins each line.
	lineMark = `{"seq":`
	// maxSeq is more lines than there can be, even if a bit of their count was wrong. A
	// new chain does not go on from more.
	maxSeq = 3 << 62
)

// salvaged is what could be read of a damaged ledger.
type salvaged struct {
	*replay
	sources []source
	pieces  []piece // in the order in which they were written
	skipped int     // lines that could not be read
	unread  []unread
	names   map[name]int // their places
	unnamed int          // lines that name more keys than there was room for
}

// source is a file in which lines are.
type source struct {
	name string
	file File
	seq  uint64 // the greatest so far
}

// piece is a line that can be read.
type piece struct {
	seq      uint64
	hash     uint64 // the first bits
	place    place
	offset   int64
	size     int
	record   bool // without an event, as a snapshot has them
	snapshot bool // one begins here,
	records  int  // of so many
}

// place is where a line stands: in which source, from 0, and which it is there, from 1.
type place struct{ source, line int }

// salvage reads the files, the ledger first. If what is read has a whole snapshot that
// is as new as the newest archive, which begins at the given seq, the others tell no more.
func (o *opening) salvage(names []string, archive uint64) (*salvaged, error) {
	r := &salvaged{replay: newReplay(), names: map[name]int{}}
	r.where = func(number int) string { return r.at(r.pieces[number-1].place) }
	defer func() {
		for _, s := range r.sources {
			s.file.Close()
		}
	}()
	for i, name := range names {
		if _, newest := r.snapshots(); newest > 0 && newest >= archive {
			break
		}
		err := r.sift(o, name)
		switch {
		case err != nil && (i == 0 || o.ctx.Err() != nil):
			return nil, err
		case err != nil:
			o.tell("the older %s cannot be read: %v", o.path(name), err)
		}
		slices.SortStableFunc(r.pieces, func(a, b piece) int { return cmp.Compare(a.seq, b.seq) })
	}
	r.part()
	return r, r.play(o)
}

// part finds where files went different ways, because an older ledger was put back. From
// there on, it puts what the others tell before what the ledger tells.
func (r *salvaged) part() {
	for i := 1; i < len(r.pieces); i++ {
		a, b := r.pieces[i-1], r.pieces[i]
		if a.seq == b.seq && a.hash != b.hash && a.place.source != b.place.source {
			slices.SortStableFunc(r.pieces[i-1:], func(a, b piece) int { return b.place.source - a.place.source })
			return
		}
	}
}

// at says for people where a line stands.
func (r *salvaged) at(p place) string {
	if p.source == 0 {
		return fmt.Sprintf("line %d", p.line)
	}
	return fmt.Sprintf("line %d of %s", p.line, r.sources[p.source].name)
}

// sift finds the lines of a file that can be read.
func (r *salvaged) sift(o *opening, name string) error {
	f, err := o.openFile(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	r.sources = append(r.sources, source{name: name, file: f})
	lines := newLineReader(f)
	for {
		before := lines.size
		text, err := lines.next()
		at := place{len(r.sources) - 1, lines.number}
		switch {
		case err == io.EOF:
			at.line++
			return r.chop(o, at, before, before+lines.torn)
		case errors.Is(err, errLong):
			err = r.chop(o, at, before, lines.size)
		case err == nil:
			r.split(text, at, before)
		}
		if err != nil {
			return err
		}
		if lines.number%checkEvery == 0 && o.ctx.Err() != nil {
			return fmt.Errorf("read %s: %w", o.path(name), o.ctx.Err())
		}
	}
}

// chop splits what stands between two offsets, however long it is.
func (r *salvaged) chop(o *opening, at place, from, to int64) error {
	s := r.sources[at.source]
	window := make([]byte, min(to-from, maxLine+readAhead))
	for from < to {
		text := window[:min(to-from, int64(len(window)))]
		n, err := s.file.ReadAt(text, from)
		if n == len(text) {
			err = o.ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", o.path(s.name), err)
		}
		if from+int64(n) < to {
			text = text[:n-len(lineMark)] // one may stand across the end
			if next := bytes.LastIndex(text, []byte(lineMark)); next > 0 {
				text = text[:next]
			}
		}
		r.split(text, at, from)
		from += int64(len(text))
	}
	return nil
}

// split takes what can be read of a text that should be one line. Where a newline was
// lost, it is more.
func (r *salvaged) split(text []byte, at place, offset int64) {
	for len(text) > 0 {
		part := text
		if next := bytes.Index(text[1:], []byte(lineMark)); next >= 0 {
			part = text[:1+next]
		}
		end := min(len(part), bytes.Index(part, []byte(hashMark))+hashTail)
		switch rest := part[end:]; {
		case !r.add(part[:end], at, offset):
			r.miss(part, at)
		case bytes.IndexByte(rest, '"') >= 0:
			r.miss(rest, at)
		}
		text, offset = text[len(part):], offset+int64(len(part))
	}
}

// add notes a line that can be read.
func (r *salvaged) add(text []byte, at place, offset int64) bool {
	l, err := parse(text)
	if err != nil {
		return false
	}
	p := piece{seq: l.seq, place: at, offset: offset, size: len(text)}
	p.hash, _ = strconv.ParseUint(string(l.hash[:16]), 16, 64)
	switch string(l.event) {
	case eventOpened:
		if o, err := l.opened(); err == nil {
			p.snapshot, p.records = true, o.Records
		}
	case eventRecord:
		p.record = true
	}
	r.pieces = append(r.pieces, p)
	r.sources[at.source].seq = max(r.sources[at.source].seq, p.seq)
	return true
}

// miss notes a line that cannot be read. Without a seq, it may be the newest.
func (r *salvaged) miss(text []byte, at place) {
	r.skipped++
	after := uint64(math.MaxUint64)
	if digits, found := bytes.CutPrefix(text, []byte(lineMark)); found {
		digits, _, _ = bytes.Cut(digits, []byte(","))
		if seq, err := strconv.ParseUint(string(digits), 10, 64); err == nil {
			after = max(r.sources[at.source].seq, seq)
		}
	}
	r.guess(text, r.at(at), after)
}

// snapshots are those of which each line can be read, by the number of their first.
// It gives the seq of the newest, 0 if that is not among them.
func (r *salvaged) snapshots() (whole map[int]bool, newest uint64) {
	whole = map[int]bool{}
	begin, missing := 0, -1
	for i, p := range r.pieces {
		switch {
		case i > 0 && p.seq == r.pieces[i-1].seq && p.hash == r.pieces[i-1].hash: // a copy
		case p.snapshot:
			begin, missing = i, p.records
		case missing <= 0:
		case p.seq != r.pieces[i-1].seq+1:
			missing = -1
		case p.record:
			missing--
		}
		if missing == 0 {
			whole[begin] = true
		}
	}
	if missing == 0 {
		newest = r.pieces[begin].seq
	}
	return whole, newest
}

// play reads the lines in their order. One that says the same as another of its seq is
// a copy.
func (r *salvaged) play(o *opening) error {
	var text []byte
	var newer error // what is written after it is not known, up to the next beginning
	told := map[uint64]bool{}
	whole, _ := r.snapshots()
	for i, p := range r.pieces {
		next := i == 0 || p.seq == r.pieces[i-1].seq+1 // to the one before
		if i > 0 && p.seq != r.pieces[i-1].seq {
			clear(told)
		}
		if told[p.hash] {
			continue
		}
		told[p.hash] = true
		from := r.sources[p.place.source]
		text = slices.Grow(text[:0], p.size)[:p.size]
		if n, err := from.file.ReadAt(text, p.offset); n < p.size {
			return fmt.Errorf("read %s again: %w", o.path(from.name), err)
		}
		if i%checkEvery == 0 && o.ctx.Err() != nil {
			return fmt.Errorf("read %s: %w", o.path(from.name), o.ctx.Err())
		}
		l, err := parse(text)
		if err != nil {
			return fmt.Errorf("read %s again: %s: %w", o.path(from.name), r.at(p.place), err)
		}
		if string(l.event) == eventOpened {
			_, newer = l.opened()
			// Unless the snapshot lost records, and what it was made of is there.
			if newer == nil && (whole[i] || !next) {
				r.snapshot(&l, i+1)
			}
		}
		if err = newer; err == nil {
			err = r.apply(&l, i+1)
		}
		if err != nil {
			r.skipped++
			r.guess(text, r.at(p.place), p.seq)
		}
	}
	return nil
}

// snapshot begins with the line: a key that is not in it was forgotten by then.
func (r *salvaged) snapshot(l *line, number int) {
	for _, p := range r.past {
		for _, s := range p.slots {
			s.gone, s.goneAt = number, keyset.Instant{Wall: l.time, Life: l.life}
		}
	}
}
