package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

const (
	// maxTokenFile is far more than any token, and what the guard reads of one.
	maxTokenFile = 4 << 10
	// worldReadable is the permission that a token file must not give: the guard
	// refuses such a file as well.
	worldReadable = 0o004
)

// readTokenFile reads the token that changes over TCP take. Opening does not wait
// for who writes into a pipe, and what was opened is what is looked at.
func readTokenFile(path string) (string, error) {
	bad := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("token file %s: "+format, append([]any{path}, args...)...)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return bad("%w", reasonOf(err))
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return bad("%w", reasonOf(err))
	case !info.Mode().IsRegular():
		return bad("is not a regular file: write the token into one")
	case info.Mode()&worldReadable != 0:
		return bad("can be read by every user (mode %04o): run chmod o-r on it, and exchange the token", info.Mode().Perm())
	}
	content, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	token := strings.TrimSpace(string(content))
	switch {
	case err != nil:
		return bad("%w", reasonOf(err))
	case len(content) > maxTokenFile:
		return bad("is larger than %d bytes: it must hold the token alone", maxTokenFile)
	case token == "":
		return bad("is empty: it must hold the token")
	case strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }):
		return bad("must hold one token of printable ASCII characters without spaces: no header can carry another one")
	}
	return token, nil
}
