package jwkscache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
)

// Limits of one fetch.
const (
	// What is larger would not be read as a key set anyhow.
	maxDocument = jose.MaxDocumentSize
	// Long enough for a TLS handshake across the world on a lossy line, short
	// enough for several attempts within the shortest sensible max_stale.
	defaultTimeout = 5 * time.Second
)

// Source says where an issuer's JWKS comes from. Exactly one of URI, Discovery,
// File and Inline is set.
type Source struct {
	URI       string // of the JWKS itself
	Discovery string // the issuer's URL; its OpenID Connect metadata names the JWKS
	File      string // a path; symlinks are followed
	Inline    []byte // the document; it must not be changed afterwards

	// Timeout bounds a whole fetch: name look-up, handshakes, discovery, and the
	// last byte of the body. 0 means 5 s.
	Timeout time.Duration
	// CAFile holds the only CAs to trust, as PEM. It is read at each fetch, so
	// that a renewed file counts. Empty means the system's CAs.
	CAFile string
	// AllowInsecureHTTP permits plain http to hosts other than loopback.
	AllowInsecureHTTP bool
	// Transport takes the place of the real one in tests; then CAFile and the
	// rules about addresses do not apply. It must honour the request's context.
	Transport http.RoundTripper
}

// A fetcher asks one source for its document. It is not safe for concurrent
// use: whoever owns the issuer's freshness calls it, one call at a time.
type fetcher interface {
	// fetch asks once. With fresh it wants an answer past all HTTP caches. An
	// error is always a *[FetchError].
	fetch(ctx context.Context, fresh bool) (answer, error)

	// accepted says that the document of the last answer was understood. Only
	// such an answer may be the base of a later "not modified", and an answer
	// that was not accepted before the next fetch counts as a failure of its
	// address: discovery is asked again.
	accepted()
}

// answer is what a source said: a complete document of which nothing is
// understood yet.
type answer struct {
	Body        []byte // shared with later answers; it must not be changed
	NotModified bool   // Body is that of the last accepted answer

	// Age is for how long caches on the way had held the answer. The time of the
	// observation is the request's start less Age.
	Age time.Duration
	// MaxAge is for how long the origin calls the answer fresh, counted from its
	// creation: MaxAge less Age is left of it. It says nothing unless HasMaxAge.
	MaxAge    time.Duration
	HasMaxAge bool

	from        string // the source, printable
	contentType string // printable; empty if the source has no such thing
}

// malformed is the error of an answer that is not a key set, because of err.
func (a answer) malformed(err error) *FetchError { return a.isNot("a key set", err) }

// isNot is the error of an answer that is something else than was asked for.
func (a answer) isNot(what string, err error) *FetchError {
	kind := ""
	if a.contentType != "" {
		kind = ", content type " + a.contentType
	}
	if bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("<")) {
		kind += ", looks like a web page"
	}
	return failedFetch(ResultMalformed, a.from, err, "not %s (%d bytes%s): %s",
		what, len(a.Body), kind, printable(err.Error(), maxPlace))
}

// newFetcher checks s and starts nothing. Its errors name the configuration's
// field and never repeat an address, which may hold a password.
func newFetcher(s Source) (fetcher, error) {
	given := 0
	for _, is := range []bool{s.URI != "", s.Discovery != "", s.File != "", len(s.Inline) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, errors.New("jwks: names no source; set one of uri, discovery, file, inline")
	case given > 1:
		return nil, errors.New("jwks: names several sources; keep one of uri, discovery, file, inline")
	case s.Timeout < 0:
		return nil, fmt.Errorf("jwks.timeout: %s is negative", s.Timeout)
	case s.File != "":
		return &fileSource{path: s.File}, nil
	case len(s.Inline) > maxDocument:
		return nil, fmt.Errorf("jwks.inline: %d bytes; a key set has %d at most", len(s.Inline), maxDocument)
	case len(s.Inline) > 0:
		return inlineSource(s.Inline), nil
	}
	return newHTTPSource(s)
}

// inlineSource is a document that stands in the configuration. It never fails
// and never changes.
type inlineSource []byte

func (i inlineSource) fetch(context.Context, bool) (answer, error) {
	return answer{Body: i, from: "jwks.inline"}, nil
}

func (i inlineSource) accepted() {}

// remote tells whether somebody else's server answers.
func remote(f fetcher) bool {
	_, is := f.(*httpSource)
	return is
}
