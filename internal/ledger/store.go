package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// The files of a directory.
const (
	fileName    = "ledger.jsonl"
	newName     = "ledger.jsonl.new" // a file that is not in use yet
	lockName    = "lock"
	archived    = "ledger-" // then the first seq of the file
	damagedName = "ledger-damaged-"
	suffix      = ".jsonl"
)

// format is the version of what the lines mean. A reader refuses a newer one.
const format = 1

// store is the file that is appended to.
type store struct {
	files    Files
	dir      string
	file     File
	chain           // up to the last durable line
	size     int64  // of what is durable
	first    uint64 // seq of the file's first line
	snapshot int64  // size of the snapshot that the file begins with

	dirty    bool   // the file may not end where it should
	unsynced bool   // the directory may not be durable
	half     string // the name that the file may have: a rotation stopped midway
}

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

// append writes text and makes it durable. If that fails, known tells whether the
// file is as it was before.
func (s *store) append(text []byte) (known bool, err error) {
	if s.dirty {
		if err := s.repair(); err != nil {
			return true, err // of this text, nothing was written
		}
	}
	if len(text) == 0 {
		return true, nil
	}
	n, err := s.file.Write(text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = s.file.Sync()
	}
	if err == nil {
		err = s.inPlace(s.size + int64(len(text)))
	}
	if err == nil {
		return true, nil
	}
	s.dirty = true
	return s.repair() == nil, err
}

// inPlace tells whether what was written is where the next start looks for it: a
// file that was removed or replaced takes lines all the same.
func (s *store) inPlace(size int64) error {
	info, err := s.files.Stat(s.path(fileName))
	if err != nil {
		return err
	}
	if info.Size() != size {
		return s.foreign(info.Size(), size)
	}
	return nil
}

func (s *store) foreign(found, want int64) error {
	return fmt.Errorf("%s has %d bytes, and should have %d: somebody else has changed or replaced it; restore it, then restart the guard", s.path(fileName), found, want)
}

// repair cuts the file back to what is durable. It opens it anew: after a failed
// fsync, the pages in memory may be other than those on the disk, and another
// fsync of the same file may say that all is well.
func (s *store) repair() error {
	if s.half != "" {
		if err := s.turnBack(); err != nil {
			return err
		}
	}
	f, err := s.files.Open(s.path(fileName), os.O_RDWR|os.O_APPEND)
	if err != nil {
		return err
	}
	s.file.Close()
	s.file = f
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < s.size {
		return s.foreign(info.Size(), s.size)
	}
	if err := f.Truncate(s.size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if s.unsynced {
		if err := s.files.SyncDir(s.dir); err != nil {
			return err
		}
		s.unsynced = false
	}
	s.dirty = false
	return nil
}

// turnBack gives the file its name back after a rotation that stopped midway. What
// bears the name by now, if anything, is a snapshot and nothing else.
func (s *store) turnBack() error {
	_, err := s.files.Stat(s.path(s.half))
	if err == nil {
		err = s.files.Rename(s.path(s.half), s.path(fileName))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.half, s.unsynced = "", true
	return nil
}

// flushAt is how much of a snapshot is written at once.
const flushAt = 1 << 20

// begin writes a file under its temporary name, with a snapshot of all records, and
// makes it durable. It goes on from the chain of s, or begins one with the line of
// a loss; the images are those of the new file.
func (s *store) begin(c Config, at keyset.Instant, from map[string]*image, loss func(*encoder)) (*store, map[string]*image, error) {
	f, err := s.files.Open(s.path(newName), os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, nil, err
	}
	n := &store{files: s.files, dir: s.dir, file: f, first: s.seq + 1}
	images, err := n.snap(c, at, s.chain, from, loss)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = s.files.SyncDir(s.dir)
	}
	if err != nil {
		f.Close()
		s.files.Remove(s.path(newName))
		return nil, nil, err
	}
	n.snapshot = n.size
	return n, images, nil
}

// snap writes the lines with which a file begins.
func (s *store) snap(c Config, at keyset.Instant, after chain, from map[string]*image, loss func(*encoder)) (map[string]*image, error) {
	if after.seq == 0 || loss != nil {
		after.head = begin
	}
	b := &batch{scroll: scroll{chain: after}, now: at, images: map[string]*draft{}}
	records := 0
	for _, m := range from {
		records += len(m.entries)
	}
	b.line(at, eventOpened, func() {
		b.number("format", format)
		b.text("guard", c.Guard)
		b.text("version", c.Version)
		b.name("records")
		b.b = strconv.AppendInt(b.b, int64(records), 10)
	})
	if loss != nil {
		b.line(at, eventLoss, func() { loss(&b.encoder) })
	}
	flush := func() error {
		n, err := s.file.Write(b.b)
		if err == nil && n < len(b.b) {
			err = io.ErrShortWrite
		}
		s.size += int64(n)
		b.b = b.b[:0]
		return err
	}
	images := make(map[string]*image, len(from))
	for _, iss := range slices.Sorted(maps.Keys(from)) {
		m := from[iss]
		d := b.draft(iss, m.name, nil)
		if o := m.latest.Observed(); !o.IsZero() {
			b.observed(d, o) // first: of the records, nothing needs to follow from it
		}
		d.latest = m.latest
		for i, k := range m.latest.Keys() {
			totals := keyset.Tally{}
			if k.Usage != nil {
				totals = k.Tally()
			}
			b.record(d, k, "", totals)
			d.entries = append(d.entries, &entry{m.entries[i].id, k, totals})
			if len(b.b) >= flushAt {
				if err := flush(); err != nil {
					return nil, err
				}
			}
		}
		images[iss] = &d.image
	}
	s.chain = b.chain
	return images, flush()
}

// archives are the first seqs of the archived files among the names, ascending,
// and how many damaged files there are.
func archives(names []string) (seqs []uint64, damaged []string) {
	for _, name := range names {
		middle, ok := strings.CutPrefix(name, archived)
		middle, ok2 := strings.CutSuffix(middle, suffix)
		if !ok || !ok2 {
			continue
		}
		if strings.HasPrefix(name, damagedName) {
			damaged = append(damaged, name)
		} else if seq, err := strconv.ParseUint(middle, 10, 64); err == nil && archive(seq) == name {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, damaged
}

func archive(first uint64) string { return archived + strconv.FormatUint(first, 10) + suffix }
