package attacks

import (
	"encoding/hex"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// message is the request of an attack with all templates filled in.
type message struct {
	policy, path string
	lines        [][2]string // headers
	extensions   map[string]string
	check        string // text proto
	tail         []byte
}

func (a *attack) message(p parts) (m message, err error) {
	m = message{policy: a.Policy, path: "/"}
	c := a.Request
	if c == nil {
		switch a.Policy {
		case "query":
			m.path = "/?access_token=" + p.Token
		case "cookie":
			m.lines = [][2]string{{"cookie", "session=" + p.Token}}
		default:
			m.lines = [][2]string{{"authorization", "Bearer " + p.Token}}
		}
		return m, nil
	}
	m.path = p.fill(c.Path, m.path)
	for _, line := range c.Headers {
		name, value, _ := strings.Cut(p.fill(line, ""), ":")
		m.lines = append(m.lines, [2]string{name, strings.TrimPrefix(value, " ")})
	}
	m.extensions = c.Extensions
	m.check = p.fill(c.Check, "")
	m.tail, err = hex.DecodeString(c.Append)
	return m, err
}

// form is how Envoy tells the guard of a request's headers.
type form string

const (
	raw    form = "header_map" // with encode_raw_headers
	joined form = "headers"    // by default
)

// encode is the CheckRequest as it goes over the wire.
func (m message) encode(f form) ([]byte, error) {
	req := new(authv3.CheckRequest)
	switch {
	case m.check != "":
		if err := prototext.Unmarshal([]byte(m.check), req); err != nil {
			return nil, err
		}
	default:
		http := &authv3.AttributeContext_HttpRequest{Method: "GET", Path: m.path}
		if f == raw {
			http.HeaderMap = m.headerMap()
		} else {
			http.Headers = m.headers()
		}
		req.Attributes = &authv3.AttributeContext{
			Request:           &authv3.AttributeContext_Request{Http: http},
			ContextExtensions: map[string]string{"jwtguard.policy": m.policy},
		}
	}
	if len(m.extensions) > 0 {
		req.Attributes.ContextExtensions = m.extensions
	}
	data, err := proto.Marshal(req)
	return append(data, m.tail...), err
}

// headerMap is what Envoy sends with encode_raw_headers. It joins two lines of
// authorization all the same.
func (m message) headerMap() *corev3.HeaderMap {
	out := new(corev3.HeaderMap)
	at := map[string]int{}
	for _, l := range m.lines {
		name := strings.ToLower(l[0])
		if i, twice := at[name]; twice && name == "authorization" {
			out.Headers[i].RawValue = []byte(string(out.Headers[i].RawValue) + "," + l[1])
			continue
		}
		at[name] = len(out.Headers)
		out.Headers = append(out.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(l[1])})
	}
	return out
}

// headers is what Envoy sends by default: one value for each name, and an
// exclamation mark for each byte that is not UTF-8.
func (m message) headers() map[string]string {
	out := map[string]string{}
	for _, l := range m.lines {
		name, value := strings.ToLower(l[0]), strings.ToValidUTF8(l[1], "!")
		if before, twice := out[name]; twice {
			value = before + "," + value
		}
		out[name] = value
	}
	return out
}

// upstream are the identity headers with which a request goes on: what the client
// sent, less what the answer removes, and with what it sets.
func (m message) upstream(resp *authv3.CheckResponse) map[string]string {
	out := map[string]string{}
	for _, l := range m.lines {
		if isIdentity(l[0]) {
			out[strings.ToLower(l[0])] = l[1]
		}
	}
	for _, h := range resp.GetOkResponse().GetHeaders() {
		if isIdentity(h.GetHeader().GetKey()) {
			out[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
		}
	}
	for _, name := range resp.GetOkResponse().GetHeadersToRemove() {
		delete(out, strings.ToLower(name))
	}
	return out
}

// isIdentity tells whether an upstream could take a header for one of the guard's.
func isIdentity(name string) bool {
	return strings.HasPrefix(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "x-jwt-")
}
