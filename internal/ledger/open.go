package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// opening is a ledger on its way to be open.
type opening struct {
	Config
	ctx      context.Context
	lock     File
	findings []string
	last     time.Time
	torn     int64 // bytes that were cut off
	known    bool  // a guard has had a ledger here
}

func (o *opening) path(name string) string { return filepath.Join(o.Dir, name) }

// tell notes something for the log at start.
func (o *opening) tell(f string, args ...any) {
	o.findings = append(o.findings, fmt.Sprintf(f, args...))
}

// open locks and reads, and leaves a file to which can be appended.
func (o *opening) open() (*writer, error) {
	if err := o.Files.Mkdir(o.Dir); err != nil {
		return nil, fmt.Errorf("state_dir %s: %w", o.Dir, err)
	}
	if err := o.acquire(); err != nil {
		return nil, err
	}
	names, err := o.Files.List(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("state_dir %s: %w", o.Dir, err)
	}
	o.modes(names)
	w, err := o.find(names)
	var damage *DamageError
	switch {
	case errors.As(err, &damage) && o.AcceptLoss:
		return o.accept(damage, names)
	case err == nil && o.AcceptLoss:
		o.tell("nothing is damaged: start without --accept-state-loss")
	}
	return w, err
}

// find goes on with the ledger that is there, or begins one.
func (o *opening) find(names []string) (*writer, error) {
	var r *reading
	var err error
	if slices.Contains(names, fileName) {
		// What a rotation left behind that did not come to its end.
		if err := o.discard(names); err != nil {
			return nil, err
		}
		r, err = o.read(fileName)
	} else {
		r, err = o.missing(names)
	}
	if err != nil {
		return nil, err
	}
	if r == nil {
		return o.create(store{}, nil, "", nil)
	}
	w, err := o.resume(r)
	if err != nil {
		r.file.Close()
	}
	return w, err
}

// modes narrows what others may do with the files.
func (o *opening) modes(names []string) {
	if info, err := o.Files.Stat(o.Dir); err == nil && info.Mode().Perm()&0o022 != 0 {
		o.tell("%s may be written to by others (mode %04o): whoever does can forget a retirement; chmod it to 0700", o.Dir, info.Mode().Perm())
	}
	for _, name := range names {
		if name != lockName && !strings.HasPrefix(name, archived) && !strings.HasPrefix(name, fileName) {
			continue
		}
		info, err := o.Files.Stat(o.path(name))
		if err != nil || info.Mode().Perm()&^fileMode == 0 {
			continue
		}
		if err := o.Files.Chmod(o.path(name), fileMode); err != nil {
			o.tell("%s has mode %04o, and it cannot be narrowed: %v", o.path(name), info.Mode().Perm(), err)
			continue
		}
		o.tell("%s had mode %04o, and has %04o now", o.path(name), info.Mode().Perm(), fileMode)
	}
}

// discard removes a file that never was in use.
func (o *opening) discard(names []string) error {
	if !slices.Contains(names, newName) {
		return nil
	}
	if err := o.Files.Remove(o.path(newName)); err != nil {
		return err
	}
	return o.Files.SyncDir(o.Dir)
}

// missing deals with a directory without a ledger. It is new, or a rotation was
// stopped between its two renamings, or the ledger is lost. nil means that it is
// new.
func (o *opening) missing(names []string) (*reading, error) {
	seqs, damaged := archives(names)
	if len(seqs)+len(damaged) == 0 {
		if o.known {
			return nil, &DamageError{File: o.path(fileName), What: "it is missing, and a guard has written one here"}
		}
		return nil, o.discard(names)
	}
	if slices.Contains(names, newName) {
		r, err := o.read(newName)
		if err == nil && r.torn == 0 && o.goesOn(r, seqs, names) {
			if err = o.Files.Rename(o.path(newName), o.path(fileName)); err == nil {
				err = o.Files.SyncDir(o.Dir)
			}
			if err != nil {
				r.file.Close()
				return nil, err
			}
			r.name = fileName
			o.tell("%s was put in its place: its last writer was stopped amid a rotation", o.path(fileName))
			return r, nil
		}
		if r != nil {
			r.file.Close()
		}
	}
	return nil, &DamageError{File: o.path(fileName), What: "it is missing, and there are older files beside it"}
}

// goesOn tells whether a new file is the next one: of the newest archive, or after
// a loss that was accepted.
func (o *opening) goesOn(r *reading, seqs []uint64, names []string) bool {
	if r.aside != "" {
		return slices.Contains(names, r.aside)
	}
	if len(seqs) == 0 {
		return false
	}
	before, err := o.read(archive(seqs[len(seqs)-1]))
	if err != nil {
		return false
	}
	before.file.Close()
	return before.torn == 0 && r.first == before.seq+1 && r.prev == before.head
}

// resume goes on with a file that is whole, but for a torn tail.
func (o *opening) resume(r *reading) (*writer, error) {
	images, lost := r.images(o.ReadKey)
	if len(lost) > 0 {
		return nil, &DamageError{File: o.path(r.name), Line: lost[0].line, What: lost[0].err.Error()}
	}
	s := store{files: o.Files, dir: o.Dir, file: r.file, chain: r.chain, size: r.size, first: r.first, snapshot: r.snapshot}
	if o.torn = r.torn; o.torn > 0 {
		if err := s.repair(); err != nil {
			return nil, fmt.Errorf("cut the torn tail off: %w", err)
		}
		o.tell("%s: %d bytes after line %d were cut off: its last writer was stopped amid a line", o.path(fileName), r.torn, r.lines)
	}
	o.last = r.last
	return &writer{store: s, images: images}, nil
}

// create writes the first file of a chain, and puts what bears its name aside.
func (o *opening) create(s store, images map[string]*image, aside string, loss func(*encoder)) (*writer, error) {
	s.files, s.dir = o.Files, o.Dir
	n, images, err := s.begin(o.Config, clockFrom(o.last)(), images, loss)
	if err != nil {
		return nil, err
	}
	if aside != "" {
		err = o.Files.Rename(o.path(fileName), o.path(aside))
	}
	if err == nil {
		err = o.Files.Rename(o.path(newName), o.path(fileName))
	}
	if err == nil {
		err = o.Files.SyncDir(o.Dir)
	}
	if err != nil {
		n.file.Close()
		return nil, err
	}
	return &writer{store: *n, images: images}, nil
}

// accept begins a new chain with what can be saved.
func (o *opening) accept(damage *DamageError, names []string) (*writer, error) {
	seqs, damaged := archives(names)
	var sources []string
	aside, newest := "", uint64(0)
	if slices.Contains(names, fileName) {
		sources = append(sources, fileName)
		aside = damagedName + time.Now().UTC().Format("20060102T150405.000000000Z") + suffix
	}
	if len(damaged) > 0 { // of which the present one was made, if it was not archived since
		sources = append(sources, slices.Max(damaged))
	}
	if n := len(seqs); n > 0 {
		newest = seqs[n-1]
		sources = append(sources, archive(newest))
	}
	r, err := o.salvage(sources, newest)
	if err != nil {
		return nil, err
	}
	images, lost := r.images(o.ReadKey)
	o.last = r.last
	what := damage.brief()
	o.tell("state loss accepted: %s", what)
	o.tell("%d lines could be read; lines that could not: %d", r.lines, r.skipped+len(lost))
	if n := len(r.buried); n > 0 {
		buried := fmt.Sprintf("keys put out of service because lines that could be read say so, and no record does: %d (%s)", n, shortly(r.buried))
		o.tell("%s; reinstate what should not be", buried)
		what += "; " + buried
	}
	for doubts := range slices.Chunk(r.doubts(images, lost), maxBrief) {
		o.tell("lines that could not be read name keys of which nothing later tells: if one of these was put out of service, order that again: %s", naming(doubts))
	}
	if r.unnamed > 0 {
		o.tell("%d more such lines were not looked at: compare the damaged file with what keys show tells", r.unnamed)
	}
	last := newest // of all that was ever written: no two files have one first seq
	for _, s := range r.sources {
		last = max(last, s.seq)
	}
	s := store{chain: chain{seq: min(last, maxSeq)}}
	w, err := o.create(s, images, aside, func(e *encoder) {
		e.text("damage", what)
		e.text("aside", aside)
	})
	if err == nil && aside != "" {
		o.tell("the damaged file is kept as %s", o.path(aside))
	}
	return w, err
}

// restored is what the images hold, by iss.
func (o *opening) restored(w *writer) []Restored {
	var all []Restored
	for _, iss := range slices.Sorted(maps.Keys(w.images)) {
		m := w.images[iss]
		all = append(all, Restored{Issuer: iss, Name: m.name, Set: m.latest})
	}
	return all
}

// openFile opens a file of the directory with the flags of [os.OpenFile].
func (o *opening) openFile(name string, flag int) (File, error) {
	info, err := o.Files.Stat(o.path(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: o.path(name), Err: errors.New("not a regular file")}
	}
	return o.Files.Open(o.path(name), flag)
}
