package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// guessesPerSecond bounds the wrong tokens that are told to be wrong, over all
	// peers. Beyond that the right one is not taken either: else guessing would go
	// on. The unix socket knows no such limit.
	guessesPerSecond = 10
	// maxTokenFile is far more than any token, and no more than a header may have.
	maxTokenFile = 4 << 10
	// worldReadable is the permission that a token file must not give.
	worldReadable = 0o004
)

// authorize tells who asks for a change: the user at the other end of the unix
// socket, or "token:" and the name of the file whose content was presented.
func (a *API) authorize(r *http.Request) (actor string, refused *problem) {
	if user, ok := socketUser(r); ok {
		return user, nil
	}
	unauthorized := func(reason Reason, detail, told string) (string, *problem) {
		return "", &problem{Status: http.StatusUnauthorized, Title: "Not authorized", Detail: detail, reason: reason, told: told}
	}
	if a.cfg.TokenFile == "" {
		return unauthorized(BadTokenFile, "changes over TCP need admin.token_file in the configuration; changes over a unix socket (listen.admin) do not", "")
	}
	presented, ok := bearer(r)
	if !ok {
		return unauthorized(NoToken, "send the content of admin.token_file in one header, Authorization: Bearer TOKEN", "")
	}
	token, err := readToken(a.cfg.TokenFile)
	if err != nil {
		return unauthorized(BadTokenFile, "admin.token_file cannot be used; the guard's log says why", fmt.Sprintf("admin.token_file: %v", err))
	}
	// Hashes are of one length, so that the comparison takes the same time for all.
	want, got := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(presented))
	right := subtle.ConstantTimeCompare(want[:], got[:]) == 1
	a.guessing.Lock()
	defer a.guessing.Unlock()
	switch {
	case a.guesses.Tokens() < 1:
		return "", &problem{Status: http.StatusTooManyRequests, Title: "Too many wrong tokens", reason: TooManyTokens, retryAfter: time.Second,
			Detail: "there were too many wrong tokens, so that none is looked at now: try again, or use a unix socket"}
	case !right:
		a.guesses.Allow()
		return unauthorized(WrongToken, "the token is not the content of admin.token_file", "")
	}
	return "token:" + filepath.Base(a.cfg.TokenFile), nil
}

// bearer is the token of the one Authorization header (RFC 6750, section 2.1).
func bearer(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.Trim(token, " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// readToken reads the token for each attempt anew: an exchanged token counts at
// once, however fast it was exchanged. Opening must not wait, for a file that is a
// pipe, and what was opened is what is looked at.
func readToken(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	switch {
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file: write the token into one", path)
	case info.Mode()&worldReadable != 0:
		return "", fmt.Errorf("%s can be read by every user (mode %04o): run chmod o-r on it, and exchange the token", path, info.Mode().Perm())
	}
	content, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(content))
	switch {
	case len(content) > maxTokenFile:
		return "", fmt.Errorf("%s is larger than %d bytes: it must hold the token alone", path, maxTokenFile)
	case token == "":
		return "", fmt.Errorf("%s is empty: write a random token into it", path)
	case strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }):
		return "", errors.New(path + " must hold one token of printable ASCII characters without spaces: no header can carry another one")
	}
	return token, nil
}
