package authz

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
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
	credential lines    // of the header in which the policy expects the token
	cookies    []string // lines of the cookie header
	path       string   // with query, as the client sent it
	id         string
	crowded    bool // too many headers: none was looked at
}

// lines are the lines of one header, of which more than one is too many.
type lines struct {
	first string
	n     int
}

// gather reads the headers, once. Envoy fills headers or, with
// encode_raw_headers, header_map, never both. Where both are there all the same,
// a header counts once if they agree about it and as several if they differ.
func gather(http *authv3.AttributeContext_HttpRequest, credential string) request {
	r := request{path: http.GetPath()}
	raw, joined := http.GetHeaderMap().GetHeaders(), http.GetHeaders()
	if len(raw)+len(joined) > maxHeaders {
		r.crowded = true
		return r
	}
	for _, h := range raw {
		switch name := h.GetKey(); {
		case isName(name, credential):
			r.credential.first, r.credential.n = lineOf(h), r.credential.n+1
		case isName(name, "cookie"):
			r.cookies = append(r.cookies, lineOf(h))
		case isName(name, ":path"):
			r.path = lineOf(h) // has the bytes that path shows as '!'
		case isName(name, "x-request-id"):
			r.setID(lineOf(h))
		}
	}
	var again request
	for name, value := range joined {
		switch {
		case isName(name, credential):
			again.credential.first, again.credential.n = value, again.credential.n+1
		case isName(name, "cookie"):
			again.cookies = append(again.cookies, value)
		case isName(name, "x-request-id"):
			r.setID(value)
		}
	}
	if r.credential.n != 1 || r.credential != again.credential {
		r.credential.n += again.credential.n
		if again.credential.n > 0 {
			r.credential.first = again.credential.first
		}
	}
	if !slices.Equal(r.cookies, again.cookies) {
		r.cookies = append(r.cookies, again.cookies...)
	}
	return r
}

func (r *request) setID(s string) {
	r.id = printable(s[:min(len(s), maxRequestID)])
}

// lineOf is the value of a header_map entry, which Envoy writes to raw_value. If
// both are there and differ they are joined by a comma, as Envoy joins two lines,
// and so count as two.
func lineOf(h *corev3.HeaderValue) string {
	switch value, raw := h.GetValue(), h.GetRawValue(); {
	case len(raw) == 0 || value == string(raw):
		return value
	case value == "":
		return string(raw)
	default:
		return value + "," + string(raw)
	}
}

// isName compares names of headers; want is in lower case, and if it is empty no
// name is it.
func isName(name, want string) bool {
	return want != "" && len(name) == len(want) && strings.EqualFold(name, want)
}
