package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// disk is a file system in memory that tells what is durable from what is not,
// and whose operations can be made to fail.
type disk struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode // as of the last SyncDir
	ops     int               // that change something, so far
	fault   func(op operation) outcome
	life    int // of the process: files of an earlier one are dead
	room    int // bytes that can still be written; -1: no bound
}

type inode struct {
	data, durable []byte
	mode          fs.FileMode
	lock          *handle
}

// operation is one that changes something.
type operation struct {
	n    int // from 1
	kind string
	name string
	size int // of a write
}

// outcome is what becomes of an operation.
type outcome struct {
	err     error
	persist int           // with err: bytes of a write that are there all the same; -1: everything is
	dies    bool          // the process ends here
	hang    chan struct{} // nil, or wait for it
}

var (
	errInjected = &fs.PathError{Op: "write", Path: "ledger.jsonl", Err: syscall.EIO}
	errDead     = errors.New("the process is dead")
)

func newDisk() *disk {
	return &disk{names: map[string]*inode{}, durable: map[string]*inode{}, room: -1}
}

// operate runs an operation, or a part of it.
func (d *disk) operate(life int, op operation, do func(n int)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if life != d.life {
		return errDead
	}
	d.ops++
	op.n = d.ops
	o := outcome{persist: -1}
	if d.fault != nil {
		o = d.fault(op)
	}
	if o.hang != nil {
		d.mu.Unlock()
		<-o.hang
		d.mu.Lock()
		if life != d.life {
			return errDead
		}
	}
	if op.kind == "write" && d.room >= 0 && o.err == nil {
		if d.room < op.size {
			o = outcome{err: &fs.PathError{Op: "write", Path: op.name, Err: syscall.ENOSPC}, persist: d.room}
			d.room = 0
		} else {
			d.room -= op.size
		}
	}
	switch {
	case o.err == nil || o.persist < 0:
		do(op.size)
	case op.kind == "write":
		do(min(o.persist, op.size))
	}
	if o.dies {
		d.life++
		return errDead
	}
	return o.err
}

// set changes how the disk behaves.
func (d *disk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// full leaves room for so many bytes; -1: for all.
func (d *disk) full(room int) { d.set(func() { d.room = room }) }

// fail has f decide what becomes of operations; nil: nothing fails.
func (d *disk) fail(f func(op operation) outcome) { d.set(func() { d.fault = f }) }

// lives counts the processes so far.
func (d *disk) lives() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.life
}

// text is a log that can be read while it is written.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *text) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// kill ends the process: what it wrote stays in the page cache.
func (d *disk) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life++
	for _, i := range d.names {
		i.lock = nil
	}
}

// cutPower ends the machine: what was not synced is gone.
func (d *disk) cutPower() {
	d.kill()
	d.names = maps.Clone(d.durable)
	for _, i := range d.names {
		i.data = slices.Clone(i.durable)
	}
}

func (d *disk) read(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i, ok := d.names[filepath.Join(dir, name)]; ok {
		return string(i.data)
	}
	return ""
}

func (d *disk) write(name, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names[filepath.Join(dir, name)] = &inode{data: []byte(text), durable: []byte(text), mode: fileMode}
	d.durable = maps.Clone(d.names)
}

// process is the file layer of one process on the disk.
type process struct {
	*disk
	life int
}

func (d *disk) process() process { return process{d, d.lives()} }

func (p process) Mkdir(string) error { return nil }

func (p process) Stat(name string) (fs.FileInfo, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.names[name]
	switch {
	case ok:
		return info{i, name}, nil
	case name == dir:
		return info{&inode{mode: dirMode | fs.ModeDir}, name}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

func (p process) Chmod(name string, mode fs.FileMode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[name].mode = mode
	return nil
}

func (p process) Open(name string, flag int) (File, error) {
	p.mu.Lock()
	i, ok := p.names[name]
	p.mu.Unlock()
	if !ok && flag&os.O_CREATE == 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if filepath.Base(name) == lockName && !ok {
		i = &inode{mode: fileMode}
		p.names[name], p.disk.durable[name] = i, i
	} else if !ok || flag&os.O_TRUNC != 0 {
		err := p.operate(p.life, operation{kind: "create", name: name}, func(int) {
			if !ok {
				i = &inode{mode: fileMode}
				p.names[name] = i
			}
			i.data = nil
		})
		if err != nil {
			return nil, err
		}
	}
	return &handle{p: p, inode: i, name: name}, nil
}

func (p process) List(string) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for name := range p.names {
		names = append(names, filepath.Base(name))
	}
	return names, nil
}

func (p process) Rename(from, to string) error {
	if _, err := p.Stat(from); err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	return p.operate(p.life, operation{kind: "rename", name: from}, func(int) {
		p.names[to] = p.names[from]
		delete(p.names, from)
	})
}

func (p process) Remove(name string) error {
	return p.operate(p.life, operation{kind: "remove", name: name}, func(int) { delete(p.names, name) })
}

func (p process) SyncDir(string) error {
	return p.operate(p.life, operation{kind: "syncdir", name: dir}, func(int) { p.disk.durable = maps.Clone(p.names) })
}

type handle struct {
	p      process
	inode  *inode
	name   string
	offset int64
}

func (h *handle) Read(b []byte) (int, error) {
	n, err := h.ReadAt(b, h.offset)
	h.offset += int64(n)
	return n, err
}

func (h *handle) ReadAt(b []byte, offset int64) (int, error) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	return bytes.NewReader(h.inode.data).ReadAt(b, offset)
}

func (h *handle) Write(b []byte) (int, error) {
	if filepath.Base(h.name) == lockName {
		h.inode.data = append(h.inode.data, b...)
		return len(b), nil
	}
	written := 0
	err := h.p.operate(h.p.life, operation{kind: "write", name: h.name, size: len(b)}, func(n int) {
		h.inode.data = append(h.inode.data, b[:n]...)
		written = n
	})
	return written, err
}

func (h *handle) Sync() error {
	return h.p.operate(h.p.life, operation{kind: "sync", name: h.name}, func(int) { h.inode.durable = slices.Clone(h.inode.data) })
}

func (h *handle) Truncate(size int64) error {
	if filepath.Base(h.name) == lockName {
		h.inode.data = h.inode.data[:size]
		return nil
	}
	return h.p.operate(h.p.life, operation{kind: "truncate", name: h.name}, func(int) {
		if h.p.room >= 0 {
			h.p.room += len(h.inode.data) - int(size)
		}
		h.inode.data = h.inode.data[:size]
	})
}

func (h *handle) Stat() (fs.FileInfo, error) { return info{h.inode, h.name}, nil }

func (h *handle) Lock() error {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.inode.lock != nil {
		return ErrLocked
	}
	h.inode.lock = h
	return nil
}

func (h *handle) Close() error {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.inode.lock == h {
		h.inode.lock = nil
	}
	return nil
}

type info struct {
	*inode
	name string
}

func (i info) Name() string       { return filepath.Base(i.name) }
func (i info) Size() int64        { return int64(len(i.data)) }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// whole checks that what is on the disk verifies from the first line to the last,
// across files, and gives the lines.
func (d *disk) whole(t *testing.T) []string {
	t.Helper()
	var names []string
	seqs, _ := archives(d.list())
	for _, s := range seqs {
		names = append(names, archive(s))
	}
	var all bytes.Buffer
	for _, name := range append(names, fileName) {
		all.WriteString(d.read(name))
	}
	var lines []string
	for l, err := range Verify(&all) {
		if err != nil {
			t.Errorf("after line %d of %v: %v", len(lines), names, err)
			return lines
		}
		lines = append(lines, string(l.Text))
	}
	return lines
}

func (d *disk) list() []string {
	names, _ := d.process().List(dir)
	slices.Sort(names)
	return names
}

// events are the words of the lines, in their order.
func events(lines []string) string {
	var words []string
	for _, text := range lines {
		l, _ := parse([]byte(text))
		words = append(words, string(l.event))
	}
	return strings.Join(words, " ")
}
