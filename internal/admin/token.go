package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// guessesPerSecond bounds the wrong tokens that are told to be wrong, over all
// peers. Beyond that the right one is not taken either: else guessing would go on.
// The unix socket knows no such limit.
const guessesPerSecond = 10

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
	token, err := ReadToken(a.cfg.TokenFile) // each time: an exchanged one counts at once, however fast it was exchanged
	if err != nil {
		return unauthorized(BadTokenFile, "admin.token_file cannot be used; the guard's log says why", fmt.Sprintf("admin.token_file %s: %v", a.cfg.TokenFile, err))
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
