package admin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

const (
	// maxTokenFile is far more than any token, and no more than a header may have.
	maxTokenFile = 4 << 10
	// worldReadable is the permission that a token file must not give.
	worldReadable = 0o004
)

// ReadToken reads the token for changes over TCP from its file, for the guard and
// for those who ask it. The error says what is wrong and what to do, without the
// path.
//
// Opening does not wait for who writes into a pipe, and what was opened is what is
// looked at.
func ReadToken(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", withoutPath(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", withoutPath(err)
	case !info.Mode().IsRegular():
		return "", errors.New("is not a regular file: write the token into one")
	case info.Mode()&worldReadable != 0:
		return "", fmt.Errorf("can be read by every user (mode %04o): run chmod o-r on it, and exchange the token", info.Mode().Perm())
	}
	content, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	token := strings.TrimSpace(string(content))
	switch {
	case err != nil:
		return "", withoutPath(err)
	case len(content) > maxTokenFile:
		return "", fmt.Errorf("is larger than %d bytes: it must hold the token alone", maxTokenFile)
	case token == "":
		return "", errors.New("is empty: make a token with openssl rand -hex 32")
	case strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }):
		return "", errors.New("must hold one token of printable ASCII characters without spaces: no header can carry another one")
	}
	return token, nil
}

func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
