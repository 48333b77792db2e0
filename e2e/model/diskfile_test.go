package model

import (
	"bytes"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/jwtguard/jwtguard/internal/ledger"
)

// file is an open file.
type file struct {
	process
	*inode
	name    string
	at      int
	appends bool
}

func (f *file) Read(b []byte) (n int, err error) {
	n, err = f.ReadAt(b, int64(f.at))
	f.at += n
	return n, err
}

func (f *file) ReadAt(b []byte, at int64) (n int, err error) {
	f.with(func() { n, err = bytes.NewReader(f.data).ReadAt(b, at) })
	return n, err
}

func (f *file) Write(b []byte) (int, error) {
	n := 0
	err := f.change(func() error {
		if f.fault == diskFull {
			n = len(b) / 2
		} else {
			n = len(b)
		}
		if f.appends {
			f.at = len(f.data)
		}
		f.data = append(f.data[:min(f.at, len(f.data))], b[:n]...)
		f.at += n
		if f.fault == diskFull {
			return syscall.ENOSPC
		}
		return nil
	})
	return n, err
}

func (f *file) Sync() error {
	return f.change(func() error {
		if f.fault == diskDoesNotSync {
			return syscall.EIO
		}
		f.synced = len(f.data)
		return nil
	})
}

func (f *file) Truncate(size int64) error {
	return f.change(func() error {
		f.data = slices.Clip(f.data[:min(int(size), len(f.data))])
		f.synced = min(f.synced, len(f.data))
		return nil
	})
}

func (f *file) Stat() (fs.FileInfo, error) { return f.process.Stat(f.name) }

func (f *file) Lock() error {
	return f.change(func() error {
		if f.locked != 0 && f.locked != f.id {
			return ledger.ErrLocked
		}
		f.locked = f.id
		return nil
	})
}

func (f *file) Close() error {
	f.with(func() {
		if f.locked == f.id {
			f.locked = 0
		}
	})
	return nil
}

// stat is an [fs.FileInfo].
type stat struct {
	name string
	size int64
	mode fs.FileMode
}

func (s stat) Name() string       { return s.name }
func (s stat) Size() int64        { return s.size }
func (s stat) Mode() fs.FileMode  { return s.mode }
func (s stat) ModTime() time.Time { return time.Time{} }
func (s stat) IsDir() bool        { return s.mode.IsDir() }
func (s stat) Sys() any           { return nil }
