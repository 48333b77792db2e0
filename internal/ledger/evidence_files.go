package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// trailTries and trailPause bound the wait for a rotation to be over. Between
	// its renamings there are microseconds; one that was stopped there stays so.
	trailTries = 20
	trailPause = 25 * time.Millisecond
)

// trail is the files of a directory in the order of their lines. It needs no lock:
// files are only appended to, and a rotation gives them other names, so that a
// file is known by its first line.
type trail struct {
	files    Files
	dir      string
	parts    []part
	findings []string
}

// part is one file.
type part struct {
	name    string
	first   uint64         // seq of its first line
	hash    [hashSize]byte // of its first line
	opened  time.Time      // its lifecycle time
	salvage bool           // it is damaged, and was set aside: what precedes the damage is good
	newest  bool           // it may be written to
	lines   int            // how many of its lines were taken, once it was read
}

func (t *trail) path(name string) string { return filepath.Join(t.dir, name) }

// follow lists the files. A rotation meanwhile makes it begin again.
func follow(ctx context.Context, files Files, dir string) (*trail, error) {
	for try := 1; ; try++ {
		t := &trail{files: files, dir: dir}
		settled, err := t.list(try == trailTries)
		if settled && (err == nil || !errors.Is(err, fs.ErrNotExist)) || try == trailTries {
			return t, err
		}
		pause := time.NewTimer(trailPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, ctx.Err()
		}
	}
}

// list finds the files. It is settled unless the directory looked otherwise by
// the end, or amid a rotation: with last, that is taken for one that was stopped.
func (t *trail) list(last bool) (settled bool, err error) {
	names, err := t.files.List(t.dir)
	if err != nil {
		return true, fmt.Errorf("state_dir %s: %w", t.dir, err)
	}
	seqs, damaged := archives(names)
	current := fileName
	if !slices.Contains(names, fileName) {
		if len(seqs)+len(damaged) == 0 && !slices.Contains(names, newName) {
			return true, fmt.Errorf("state_dir %s: there is no %s: has a guard run with this configuration?", t.dir, fileName)
		}
		if !last {
			return false, nil
		}
		if current = newName; !slices.Contains(names, newName) {
			current = ""
			t.findings = append(t.findings, fmt.Sprintf("%s is missing: the evidence ends with the older files beside it", t.path(fileName)))
		}
	}
	for _, seq := range seqs {
		if err := t.add(archive(seq), names); err != nil {
			return t.unchanged(names), err
		}
	}
	if current != "" {
		if err := t.add(current, names); err != nil {
			return t.unchanged(names), err
		}
		t.parts[len(t.parts)-1].newest = true
	}
	if len(t.parts) == 0 {
		return true, fmt.Errorf("state_dir %s: there is no ledger but damaged ones: start the guard with --accept-state-loss, or restore %s", t.dir, fileName)
	}
	return t.unchanged(names), nil
}

// unchanged tells whether the directory still holds these files.
func (t *trail) unchanged(names []string) bool {
	now, err := t.files.List(t.dir)
	if err != nil {
		return false
	}
	for _, list := range [...]*[]string{&names, &now} {
		*list = slices.DeleteFunc(slices.Clone(*list), func(n string) bool {
			return !strings.HasPrefix(n, archived) && n != fileName
		})
		slices.Sort(*list)
	}
	return slices.Equal(names, now)
}

// add takes a file in, after the damaged one whose place it took.
func (t *trail) add(name string, names []string) error {
	p, aside, err := t.peek(name)
	if err != nil {
		return err
	}
	if aside != "" && aside != name && slices.Contains(names, aside) && strings.HasPrefix(aside, damagedName) {
		if d, _, err := t.peek(aside); err == nil {
			d.salvage = true
			t.parts = append(t.parts, d)
		}
	}
	t.parts = append(t.parts, p)
	return nil
}

// peek reads how a file begins; aside is the file whose loss was accepted.
func (t *trail) peek(name string) (p part, aside string, err error) {
	f, err := t.files.Open(t.path(name), os.O_RDONLY)
	if err != nil {
		return p, "", err
	}
	defer f.Close()
	lines := newLineReader(f)
	for i := range 2 {
		var l line
		text, err := lines.next()
		if err == nil {
			l, err = parse(text)
		}
		if err == nil && i == 0 && string(l.event) != eventOpened {
			err = fmt.Errorf("%w: a file begins with %s", errForm, eventOpened)
		}
		switch {
		case err != nil && i > 0:
			return p, "", nil // whoever reads it on will tell
		case err == io.EOF:
			return p, "", &DamageError{File: t.path(name), What: "it has no complete line"}
		case err != nil && lines.number > 0:
			return p, "", &DamageError{File: t.path(name), Line: 1, What: err.Error()}
		case err != nil:
			return p, "", fmt.Errorf("%s: %w", t.path(name), err)
		case i == 0:
			p = part{name: name, first: l.seq, opened: l.life}
			copy(p.hash[:], l.hash)
		case string(l.event) == eventLoss:
			var loss opened
			if err := json.Unmarshal(l.text, &loss); err == nil {
				aside = loss.Aside
			}
		}
	}
	return p, aside, nil
}

// read gives the lines of a file, whatever its name is by now. What yield returns
// ends it. An incomplete last line is not given.
func (t *trail) read(ctx context.Context, p part, yield func(text []byte, number int) error) error {
	names := []string{p.name}
	if p.newest {
		names = append(names, archive(p.first))
	}
	for _, name := range names {
		f, err := t.files.Open(t.path(name), os.O_RDONLY)
		if err != nil {
			continue
		}
		is, err := t.pass(ctx, p, f, yield)
		f.Close()
		if is {
			return err
		}
	}
	return fmt.Errorf("%s was moved or changed while it was read: try again", t.path(p.name))
}

// pass gives the lines of an open file if it is the part that is meant.
func (t *trail) pass(ctx context.Context, p part, f File, yield func([]byte, int) error) (is bool, err error) {
	lines := newLineReader(f)
	for {
		text, err := lines.next()
		switch {
		case err == io.EOF:
			if lines.torn > 0 && !p.newest && !p.salvage {
				t.findings = append(t.findings, fmt.Sprintf("%s: %d bytes after its last line are in no chain, and not in the evidence", t.path(p.name), lines.torn))
			}
			return is, nil
		case errors.Is(err, errLong):
			return is, &DamageError{Line: lines.number, What: err.Error()}
		case err != nil:
			return is, fmt.Errorf("%s: %w", t.path(p.name), err)
		}
		if lines.number == 1 {
			if l, err := parse(text); err != nil || string(l.hash) != string(p.hash[:]) {
				return false, nil
			}
			is = true
		}
		if err := yield(text, lines.number); err != nil {
			return is, err
		}
		if lines.number%checkEvery == 0 && ctx.Err() != nil {
			return is, ctx.Err()
		}
	}
}
