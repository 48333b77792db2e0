package ledger

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
)

// checkEvery is after how many lines a replay looks whether it shall stop.
const checkEvery = 4096

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
}

// opened is what the lines say that begin a file.
type opened struct {
	Format  uint64 `json:"format"`
	Version string `json:"version"`
	Records int    `json:"records"`
	Aside   string `json:"aside"`
}

// read replays a file. Damage is a *[DamageError].
func (o *opening) read(name string) (*reading, error) {
	f, err := o.openFile(name, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	r := &reading{replay: newReplay(), name: name, file: f}
	if err := r.all(o); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func (r *reading) all(o *opening) error {
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
			err = r.take(text, lines)
		}
		if err != nil {
			return &DamageError{File: o.path(r.name), Line: lines.number, What: err.Error()}
		}
		if lines.number%checkEvery == 0 && o.ctx.Err() != nil {
			return fmt.Errorf("read %s: %w", o.path(r.name), o.ctx.Err())
		}
	}
	r.size, r.torn = lines.size, lines.torn
	switch {
	case lines.number == 0:
		return &DamageError{File: o.path(r.name), What: "it has no complete line"}
	case r.records > 0:
		return &DamageError{File: o.path(r.name), Line: lines.number, What: fmt.Sprintf("the file ends amid its snapshot, %d records before the end of that", r.records)}
	}
	return nil
}

var errNewer = errors.New("written by a newer version")

// take reads and applies one line.
func (r *reading) take(text []byte, lines *lineReader) error {
	l, err := r.follow(text)
	if err != nil {
		return err
	}
	switch {
	case string(l.event) == eventOpened:
		o, err := l.opened()
		if err != nil {
			return err
		}
		if lines.number == 1 {
			r.first, r.records = l.seq, o.Records
			copy(r.prev[:], l.prev)
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

// opened reads the first line of a file.
func (l *line) opened() (opened, error) {
	var o opened
	if err := json.Unmarshal(l.text, &o); err != nil {
		return o, err
	}
	switch {
	case o.Format == 0 || o.Records < 0:
		return o, errForm
	case o.Format > format:
		return o, fmt.Errorf("%w (format %d, by version %q; this one knows format %d): start that version", errNewer, o.Format, o.Version, format)
	}
	return o, nil
}
