package jwkscache

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// fileSource reads a JWKS from a file. Symlinks are followed at each read: that
// is how Kubernetes swaps the files of a ConfigMap.
type fileSource struct {
	path string
	last atomic.Pointer[fileReading] // nil before the first fetch
}

// fileReading is what the last read saw; immutable.
type fileReading struct {
	when time.Time   // before the read
	info fs.FileInfo // nil if there was no such file
	sum  [sha256.Size]byte
	good bool // the content was read
}

func (f *fileSource) fetch(ctx context.Context, _ bool) (answer, error) {
	if ctx.Err() != nil {
		return answer{}, failedFetch(ResultNetwork, f.path, ctx.Err(), "given up before reading")
	}
	reading, body, err := readKeyFile(f.path)
	f.last.Store(reading)
	if err != nil {
		return answer{}, err
	}
	return answer{Body: body, from: f.path}, nil
}

func (f *fileSource) accepted() {}

// coarse is the largest step of modification times among common file systems
// (FAT counts two seconds): a file that was read so soon after it was written may
// have been written again without a trace.
const coarse = 2 * time.Second

// changed tells whether the next fetch may differ from the last one: the path
// leads to another file, or the file was written, appeared or vanished. It costs
// one stat, and a read for two seconds after a change. It may be called while a
// fetch runs, and stays true until the next fetch.
func (f *fileSource) changed() bool {
	last := f.last.Load()
	if last == nil {
		return false // the first fetch is due anyway
	}
	info, err := os.Stat(f.path)
	if err != nil || last.info == nil {
		return (err == nil) != (last.info != nil)
	}
	if !os.SameFile(info, last.info) || info.Size() != last.info.Size() ||
		info.Mode() != last.info.Mode() || !info.ModTime().Equal(last.info.ModTime()) {
		return true
	}
	if last.when.Sub(info.ModTime()) >= coarse {
		return false
	}
	now, _, _ := readKeyFile(f.path)
	if now.good != last.good || now.sum != last.sum {
		return true
	}
	f.last.CompareAndSwap(last, now)
	return false
}

// readKeyFile reads the file at path. The reading is never nil; the error is a
// *[FetchError].
func readKeyFile(path string) (*fileReading, []byte, error) {
	reading := &fileReading{when: time.Now()}
	// Also for a file that cannot be opened, so that a change of it is noticed.
	reading.info, _ = os.Stat(path)
	file, err := openRegular(path)
	if err != nil {
		return reading, nil, fileError(path, err)
	}
	defer file.Close()
	// Of what is read, taken before it is read: a write in between is a change.
	if reading.info, err = file.Stat(); err != nil {
		return reading, nil, fileError(path, err)
	}
	body, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	switch {
	case err != nil:
		return reading, nil, fileError(path, err)
	case len(body) > maxDocument:
		return reading, nil, failedFetch(ResultTooLarge, path, nil, "more than %d bytes; a key set is smaller", maxDocument)
	}
	reading.sum, reading.good = sha256.Sum256(body), true
	return reading, body, nil
}

// fileError is the error of a file that cannot be read.
func fileError(path string, err error) *FetchError {
	cause := err
	var p *fs.PathError // its text repeats the path
	if errors.As(err, &p) {
		cause = p.Err
	}
	return failedFetch(ResultNetwork, path, err, "%v", cause)
}

// openRegular opens a file for reading, symlinks followed, and nothing that
// could block, such as a pipe. Errors are *[fs.PathError].
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
