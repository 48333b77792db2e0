package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

// adminClient asks one running guard. No proxy and no redirect comes between: the
// guard itself answers, or nobody does.
type adminClient struct {
	address string // for people
	host    string // the Host header
	dial    func(context.Context) (net.Conn, error)
}

func newAdminClient(a config.Address, host string) adminClient {
	return adminClient{address: a.String(), host: host, dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, a.Network, a.Addr)
	}}
}

// anyLocalHost is a Host header that a guard takes whatever its address is.
const anyLocalHost = "localhost"

// question is one request. What is empty is not sent.
type question struct {
	method string
	path   string // escaped, with its query
	body   []byte // JSON
	token  string
	most   int64 // bytes of the answer that are read
}

// adminAnswer is what came back, from a guard or from something else.
type adminAnswer struct {
	status  int
	problem bool // by its type: an RFC 9457 problem document
	body    []byte
}

// errAnswerTooLong is about an answer of more bytes than were asked for.
var errAnswerTooLong = errors.New("the answer is too long")

// unreached is why no connection came about: nothing was asked.
type unreached struct{ error }

func (e unreached) Unwrap() error { return e.error }

// ask sends a question and reads the whole answer. An [unreached] error says that
// the guard knows nothing of it; after any other one it may.
func (c adminClient) ask(ctx context.Context, q question) (adminAnswer, error) {
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxAnswer,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				conn, err := c.dial(ctx)
				if err != nil {
					return nil, unreached{err}
				}
				return conn, nil
			},
		},
	}
	request, err := http.NewRequestWithContext(ctx, q.method, "http://"+c.host+q.path, bytes.NewReader(q.body))
	if err != nil {
		return adminAnswer{}, unreached{err}
	}
	if len(q.body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if q.token != "" {
		request.Header.Set("Authorization", "Bearer "+q.token)
	}
	response, err := client.Do(request)
	if err != nil {
		return adminAnswer{}, plainError(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, q.most+1))
	switch {
	case err != nil:
		return adminAnswer{}, plainError(err)
	case int64(len(body)) > q.most:
		return adminAnswer{}, errAnswerTooLong
	}
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	return adminAnswer{response.StatusCode, kind == "application/problem+json", body}, nil
}

// plainError takes away the address, which is told anyhow, and the path.
func plainError(err error) error {
	if u := new(url.Error); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// keyPath is where the admin API has a key, with the action that is asked for. A
// kid may hold anything; dots alone would be taken for a way through the path.
func keyPath(issuer, kid string, action ...string) string {
	return strings.Join(append([]string{"/api/v1/keys", pathSegment(issuer), pathSegment(kid)}, action...), "/")
}

func pathSegment(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}
