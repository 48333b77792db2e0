package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
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
	// maxSeq is more lines than there can be; what says so was not counted.
	maxSeq = 1 << 62
)

// salvaged is what could be read of a damaged ledger.
type salvaged struct {
	*replay
	seq     uint64 // the greatest
	sources []source
	pieces  []piece // in the order in which they were written
	skipped int     // lines that could not be read
	unread  []unread
	unnamed int // such lines, for which there was no room
}

// source is a file in which lines are.
type source struct {
	name string
	file File
}

// piece is a line that can be read.
type piece struct {
	seq      uint64
	place    place
	offset   int64
	size     int
	record   bool // without an event, as a snapshot has them
	snapshot bool // one begins here,
	records  int  // of so many
}

// place is where a line stands: in which source, from 0, and which it is there, from 1.
type place struct{ source, line int }

// salvage reads the files, of which each is older than the one before it. If that one
// has its whole snapshot, the older ones tell no more.
func (o *opening) salvage(names []string) (*salvaged, error) {
	r := &salvaged{replay: newReplay()}
	r.where = func(number int) string { return r.at(r.pieces[number-1].place) }
	defer func() {
		for _, s := range r.sources {
			s.file.Close()
		}
	}()
	for i, name := range names {
		if _, last := r.snapshots(); last {
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
	return r, r.play(o)
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
	f, err := o.openFile(name)
	if err != nil {
		return err
	}
	r.sources = append(r.sources, source{name, f})
	lines := newLineReader(f)
	for {
		before := lines.size
		text, err := lines.next()
		at := place{len(r.sources) - 1, lines.number}
		switch {
		case err == io.EOF:
			at.line++
			if r.split(lines.rest, at, before); len(lines.rest) == 0 && lines.torn > 0 {
				r.skipped++
			}
			return nil
		case errors.Is(err, errLong):
			r.skipped++
		case err != nil:
			return err
		default:
			r.split(text, at, before)
		}
		if lines.number%checkEvery == 0 && o.ctx.Err() != nil {
			return fmt.Errorf("read %s: %w", o.path(name), o.ctx.Err())
		}
	}
}

// split takes what can be read of a text that should be one line. Where a newline was
// lost, it is more.
func (r *salvaged) split(text []byte, at place, offset int64) {
	if len(text) == 0 || r.add(text, at, offset) {
		return
	}
	for len(text) > 0 {
		part := text
		if next := bytes.Index(text[1:], []byte(lineMark)); next >= 0 {
			part = text[:1+next]
		}
		if !r.add(part[:bytes.LastIndexByte(part, '}')+1], at, offset) {
			r.miss(part, at)
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
	p := piece{seq: min(l.seq, maxSeq), place: at, offset: offset, size: len(text)}
	switch string(l.event) {
	case eventOpened:
		if o, err := l.opened(); err == nil {
			p.snapshot, p.records = true, o.Records
		}
	case eventRecord:
		p.record = true
	}
	r.pieces = append(r.pieces, p)
	r.seq = max(r.seq, p.seq)
	return true
}

// miss notes a line that cannot be read.
func (r *salvaged) miss(text []byte, at place) {
	r.skipped++
	after := r.seq
	if digits, found := bytes.CutPrefix(text, []byte(lineMark)); found {
		digits, _, _ = bytes.Cut(digits, []byte(","))
		if seq, err := strconv.ParseUint(string(digits), 10, 64); err == nil {
			after = max(after, seq)
		}
	}
	r.guess(text, r.at(at), after)
}

// snapshots are those of which each line can be read, by the number of their first.
// It tells whether the newest is among them.
func (r *salvaged) snapshots() (whole map[int]bool, last bool) {
	whole = map[int]bool{}
	begin, missing := 0, -1
	for i, p := range r.pieces {
		switch {
		case i > 0 && p.seq == r.pieces[i-1].seq: // a copy
		case p.snapshot:
			begin, missing = i, p.records
		case missing <= 0:
		case p.seq > r.pieces[i-1].seq+1:
			missing = -1
		case p.record:
			missing--
		}
		if missing == 0 {
			whole[begin] = true
		}
	}
	return whole, missing == 0
}

// play reads the lines in their order. One that says the same as another of its seq is
// a copy.
func (r *salvaged) play(o *opening) error {
	var text []byte
	var newer error // what is written after it is not known
	told := map[[hashSize]byte]bool{}
	whole, _ := r.snapshots()
	for i, p := range r.pieces {
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
		if i > 0 && p.seq > r.pieces[i-1].seq {
			clear(told)
		}
		hash := [hashSize]byte(l.hash)
		if told[hash] {
			continue
		}
		told[hash] = true
		if err = newer; err == nil && string(l.event) == eventOpened {
			_, err = l.opened()
			// Unless the snapshot lost records, and what it was made of is there.
			if err == nil && i > 0 && (whole[i] || r.pieces[i-1].seq+1 < p.seq) {
				r.snapshot(&l, i+1)
			}
		}
		if err == nil {
			err = r.apply(&l, i+1)
		}
		if errors.Is(err, errNewer) {
			newer = err
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
