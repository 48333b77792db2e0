package model

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/internal/ledger"
)

// What is wrong with a disk.
const (
	diskWorks = iota
	diskFull
	diskDoesNotSync
	diskFaults
)

// errDead is what a process gets that is no more: nothing of it reaches the disk.
var errDead = errors.New("the process is dead")

// disk is the file system of the machine, in memory: what was synced survives
// everything, of the rest a crash keeps as much as it likes.
type disk struct {
	mu        sync.Mutex
	inodes    map[string]*inode
	fault     int
	die       int       // file operations until the process dies; 0: it does not
	deadAt    time.Time // zero: it lives
	processes int       // that had the disk
}

// inode is a file. Renaming is durable at once: which half of a rename a crash
// keeps is the ledger's own tests' business.
type inode struct {
	data   []byte
	synced int // bytes of data that are durable
	locked int // by which process; 0: none
}

func newDisk() *disk { return &disk{inodes: map[string]*inode{}, processes: 1} }

func (d *disk) with(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *disk) fail(fault int)   { d.with(func() { d.fault = fault }) }
func (d *disk) dieAt(n int)      { d.with(func() { d.die = n }) }
func (d *disk) crash()           { d.with(func() { d.deadAt = time.Now() }) }
func (d *disk) dead() (is bool)  { d.with(func() { is = !d.deadAt.IsZero() }); return is }
func (d *disk) works() (is bool) { d.with(func() { is = d.fault == diskWorks }); return is }

// read gives what stands in a file.
func (d *disk) read(name string) (text []byte) {
	d.with(func() { text = slices.Clone(d.inodes[name].data) })
	return text
}

// died tells whether the process was dead at that time.
func (d *disk) died(t time.Time) (is bool) {
	d.with(func() { is = !d.deadAt.IsZero() && t.After(d.deadAt) })
	return is
}

// revive begins the next process: what was not synced is lost from some byte on,
// and the locks of the dead are free.
func (d *disk) revive() {
	d.with(func() {
		for _, f := range d.inodes {
			if unsynced := len(f.data) - f.synced; unsynced > 0 && !d.deadAt.IsZero() {
				f.data = f.data[:f.synced+rand.IntN(unsynced+1)]
			}
			f.synced, f.locked = len(f.data), 0
		}
		d.processes++
		d.fault, d.die, d.deadAt = diskWorks, 0, time.Time{}
	})
}

// files is the disk as one process has it.
func (d *disk) files() ledger.Files { return process{d, d.processes} }

type process struct {
	*disk
	id int
}

// change is one file operation that changes something.
func (p process) change(f func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id != p.processes || !p.deadAt.IsZero() {
		return errDead
	}
	err := f()
	if p.die > 0 {
		if p.die--; p.die == 0 {
			p.deadAt = time.Now()
			return errDead
		}
	}
	return err
}

func (p process) Mkdir(string) error              { return nil }
func (p process) Chmod(string, fs.FileMode) error { return nil }
func (p process) SyncDir(string) error            { return p.change(func() error { return nil }) }

func (p process) Stat(name string) (info fs.FileInfo, err error) {
	p.with(func() {
		if f := p.inodes[name]; f != nil {
			info = stat{filepath.Base(name), int64(len(f.data)), 0o600}
		} else if name == stateDir {
			info = stat{filepath.Base(name), 0, fs.ModeDir | 0o700}
		} else {
			err = &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
		}
	})
	return info, err
}

func (p process) List(dir string) (names []string, err error) {
	p.with(func() {
		for name := range p.inodes {
			names = append(names, strings.TrimPrefix(name, dir+"/"))
		}
	})
	slices.Sort(names)
	return names, nil
}

func (p process) Rename(from, to string) error {
	return p.change(func() error {
		f := p.inodes[from]
		if f == nil {
			return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
		}
		delete(p.inodes, from)
		p.inodes[to] = f
		return nil
	})
}

func (p process) Remove(name string) error {
	return p.change(func() error {
		if p.inodes[name] == nil {
			return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
		}
		delete(p.inodes, name)
		return nil
	})
}

func (p process) Open(name string, flag int) (ledger.File, error) {
	var f *inode
	err := p.change(func() error {
		if f = p.inodes[name]; f != nil {
			if flag&os.O_EXCL != 0 {
				return &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
			}
			if flag&os.O_TRUNC != 0 {
				f.data, f.synced = nil, 0
			}
			return nil
		}
		if flag&os.O_CREATE == 0 {
			return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		f = &inode{}
		p.inodes[name] = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &file{process: p, inode: f, name: name, appends: flag&os.O_APPEND != 0}, nil
}
