package authz

import (
	"bytes"
	"slices"
	"strings"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

const (
	// maxHeaders is how many headers are looked at. Envoy's own limit is 100
	// unless it is raised; a request with more than this is refused.
	maxHeaders = 4096
	// maxRequestID is what is kept of an x-request-id: a UUID has 36 bytes.
	maxRequestID = 128
)

// request is what we need of an HTTP request.
type request struct {
	credential lines    // of the header in which the policy expects the token; for as long as the message is there
	cookies    []string // lines of the cookie header, where the policy looks at them
	path       string   // with query, as the client sent it; where the policy looks at it
	id         string
	crowded    bool // too many headers: none was looked at
}

// lines are the lines of one header, of which more than one is too many.
type lines struct {
	first []byte
	n     int
}

func (l lines) equal(o lines) bool { return l.n == o.n && bytes.Equal(l.first, o.first) }

// message is a CheckRequest, by whichever codec it was read.
type message interface {
	// choice is what the route says of the policy; it is asked for first. An error,
	// here and below, means that the message is no CheckRequest.
	choice() (choice, error)
	// describesHTTP tells whether it speaks of an HTTP request at all.
	describesHTTP() bool
	// gather shows the request's path and all its headers to g.
	gather(g *gathering) error
}

// gathering picks what a policy needs out of a request. Envoy fills headers or,
// with encode_raw_headers, header_map, never both. Where both are there all the
// same, a header counts once if they agree about it and as several if they differ.
type gathering struct {
	source verify.TokenSource
	r      request
	path   string // of header_map, if pathed
	pathed bool
	joined []oneOfMany // of headers
	n      int         // headers in all

	room [2]oneOfMany // for joined
}

// oneOfMany is an entry of the map headers, whose names differ at least in case.
type oneOfMany struct {
	name, value []byte // of the message, for as long as it is gathered from
	is          role
}

// role is what a header is to us.
type role uint8

const (
	nothing role = iota
	theCredential
	aCookie
	thePath
	theID
)

// look counts a header, and tells what it is by its name.
func look[T string | []byte](g *gathering, name T) role {
	if g.n++; g.n > maxHeaders {
		return nothing
	}
	switch {
	case isName(name, g.source.Header):
		return theCredential
	case g.source.Cookie != "" && isName(name, "cookie"):
		return aCookie
	case g.source.Query != "" && isName(name, ":path"):
		return thePath
	case isName(name, "x-request-id"):
		return theID
	}
	return nothing
}

// line takes a line of header_map.
func (g *gathering) line(is role, value []byte) {
	if is == thePath {
		g.path, g.pathed = string(value), true // has the bytes that path shows as '!'
		return
	}
	g.r.add(is, value)
}

// entry takes an entry of the map headers. In a message an entry may stand twice,
// and then the last one counts.
func (g *gathering) entry(is role, name, value []byte) {
	for i := range g.joined {
		if bytes.Equal(g.joined[i].name, name) {
			g.joined[i].value = value
			return
		}
	}
	if g.joined == nil {
		g.joined = g.room[:0]
	}
	g.joined = append(g.joined, oneOfMany{name, value, is})
}

// request is what was gathered.
func (g *gathering) request() request {
	r := &g.r
	if g.n > maxHeaders {
		return request{path: r.path, crowded: true}
	}
	if g.pathed {
		r.path = g.path
	}
	var again request
	for _, e := range g.joined {
		if e.is == theID {
			r.setID(e.value)
		} else {
			again.add(e.is, e.value)
		}
	}
	if r.credential.n != 1 || !r.credential.equal(again.credential) {
		r.credential.n += again.credential.n
		if again.credential.n > 0 {
			r.credential.first = again.credential.first
		}
	}
	if !slices.Equal(r.cookies, again.cookies) {
		r.cookies = append(r.cookies, again.cookies...)
	}
	return *r
}

func (r *request) add(is role, value []byte) {
	switch is {
	case theCredential:
		r.credential.first, r.credential.n = value, r.credential.n+1
	case aCookie:
		r.cookies = append(r.cookies, string(value))
	case theID:
		r.setID(value)
	}
}

func (r *request) setID(s []byte) {
	r.id = printable(string(s[:min(len(s), maxRequestID)]))
}

// lineOf is the value of a line of header_map, which Envoy writes to raw_value. If
// both are there and differ they are joined by a comma, as Envoy joins two lines,
// and so count as two.
func lineOf(value, raw []byte) []byte {
	switch {
	case len(raw) == 0 || bytes.Equal(value, raw):
		return value
	case len(value) == 0:
		return raw
	default:
		return slices.Concat(value, []byte(","), raw)
	}
}

// isName compares names of headers; want is in lower case, and if it is empty no
// name is it.
func isName[T string | []byte](name T, want string) bool {
	return want != "" && len(name) == len(want) && strings.EqualFold(string(name), want)
}
