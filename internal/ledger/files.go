package ledger

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Files is the layer below: what a ledger needs of a file system. nil in a
// [Config] is the operating system's.
type Files interface {
	// Mkdir makes the directory, and those above it, for the owner alone. It is no
	// error if it is there.
	Mkdir(dir string) error
	Stat(name string) (fs.FileInfo, error)
	Chmod(name string, mode fs.FileMode) error
	// Open takes the flags of [os.OpenFile]. What it creates has [fileMode].
	Open(name string, flag int) (File, error)
	// List gives the names of what is in the directory.
	List(dir string) ([]string, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes durable what was created, renamed and removed in dir.
	SyncDir(dir string) error
}

// File is an open file.
type File interface {
	io.ReadWriteCloser
	io.ReaderAt
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
	// Lock takes the exclusive lock, which lives until the file is closed. It does
	// not wait: the error is [ErrLocked] if another process has it.
	Lock() error
}

// ErrLocked says that another process holds the lock of a file.
var ErrLocked = errors.New("locked by another process")

const (
	// The ledger holds no secrets, but tells who did what.
	fileMode fs.FileMode = 0o600
	dirMode  fs.FileMode = 0o700
)

// system is the operating system's file layer.
type system struct{}

func (system) Mkdir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	return system{}.SyncDir(filepath.Dir(dir))
}

func (system) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }
func (system) Chmod(name string, mode fs.FileMode) error { return os.Chmod(name, mode) }
func (system) Rename(from, to string) error              { return os.Rename(from, to) }
func (system) Remove(name string) error                  { return os.Remove(name) }

func (system) Open(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, fileMode)
	if err != nil {
		return nil, err
	}
	return systemFile{f}, nil
}

func (system) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (system) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type systemFile struct{ *os.File }

func (f systemFile) Lock() error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
