package ledger

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
)

// checkEvery is after how many lines a replay looks whether it shall stop.
const checkEvery = 4096

// maxSeq is more lines than there can be; what says so was not counted.
const maxSeq = 1 << 62

// reading is a file that was read from its beginning to its end.
type reading struct {
	*replay
	chain           // of the last line
	name     string // in its directory
	file     File
	first    uint64         // seq of the first line
	prev     [hashSize]byte // of the first line
	records  int            // of the snapshot that are yet to come
	snapshot int64          // its size
	size     int64          // of the lines
	torn     int64          // bytes after them
	aside    string         // the damaged file whose place this one takes
	skipped  int            // lines that could not be read
	unread   []unread       // those of them in which a key's name could be
}

// opened is what the lines say that begin a file.
type opened struct {
	Format  uint64 `json:"format"`
	Version string `json:"version"`
	Records int    `json:"records"`
	Aside   string `json:"aside"`
}

// read replays a file. Damage is a *[DamageError]; with salvage, every line is
// taken whose own hash holds, wherever it stands.
func (o *opening) read(name string, salvage bool) (*reading, error) {
	f, err := o.openFile(name)
	if err != nil {
		return nil, err
	}
	r := &reading{replay: newReplay(), name: name, file: f}
	r.salvage = salvage
	if err := r.all(o, salvage); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func (r *reading) all(o *opening, salvage bool) error {
	lines := newLineReader(r.file)
	for {
		text, err := lines.next()
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, errLong) {
			return err
		}
		if err == nil {
			err = r.take(text, lines, salvage)
		}
		switch {
		case errors.Is(err, errNewer) && salvage:
			return nil // what it says is not known
		case err != nil && salvage:
			r.skipped++
			r.guess(text, lines.number)
		case err != nil:
			return &DamageError{File: o.path(r.name), Line: lines.number, What: err.Error()}
		}
		if lines.number%checkEvery == 0 && o.ctx.Err() != nil {
			return fmt.Errorf("read %s: %w", o.path(r.name), o.ctx.Err())
		}
	}
	r.size, r.torn = lines.size, lines.torn
	switch {
	case salvage:
		return nil
	case lines.number == 0:
		return &DamageError{File: o.path(r.name), What: "it has no complete line"}
	case r.records > 0:
		return &DamageError{File: o.path(r.name), Line: lines.number, What: fmt.Sprintf("the file ends amid its snapshot, %d records before the end of that", r.records)}
	}
	return nil
}

var errNewer = errors.New("written by a newer version")

// take reads and applies one line.
func (r *reading) take(text []byte, lines *lineReader, salvage bool) error {
	var l line
	var err error
	if salvage {
		if l, err = parse(text); err == nil {
			r.seq = max(r.seq, min(l.seq, maxSeq))
		}
	} else {
		l, err = r.follow(text)
	}
	if err != nil {
		return err
	}
	switch {
	case string(l.event) == eventOpened:
		if err := r.begin(&l, lines.number); err != nil {
			return err
		}
	case lines.number == 1:
		return fmt.Errorf("%w: a file begins with %s", errForm, eventOpened)
	case string(l.event) == eventLoss && lines.number == 2:
		var loss opened
		if err := json.Unmarshal(l.text, &loss); err != nil {
			return err
		}
		r.aside = loss.Aside
	case string(l.event) == eventRecord && r.records > 0:
		if r.records--; r.records == 0 {
			r.snapshot = lines.size
		}
	}
	return r.apply(&l, lines.number)
}

// begin reads the first line of a file.
func (r *reading) begin(l *line, number int) error {
	var o opened
	if err := json.Unmarshal(l.text, &o); err != nil {
		return err
	}
	switch {
	case o.Format == 0 || o.Records < 0:
		return errForm
	case o.Format > format:
		return fmt.Errorf("%w (format %d, by version %q; this one knows format %d): start that version", errNewer, o.Format, o.Version, format)
	}
	if number == 1 {
		r.first, r.records = l.seq, o.Records
		copy(r.prev[:], l.prev)
	}
	return nil
}
