package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// A Request is sent as it stands: names and values are neither checked nor
// changed, repeated ones are sent repeatedly.
type Request struct {
	Method  string // default GET
	Target  string // path and query; default /
	Host    string // default example.com
	Headers [][2]string
}

// Header adds a header line and gives the request.
func (r Request) Header(name, value string) Request {
	r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], [2]string{name, value})
	return r
}

// Bearer adds an Authorization header with a token.
func (r Request) Bearer(token string) Request {
	return r.Header("Authorization", "Bearer "+token)
}

// A Response is what a client got.
type Response struct {
	Status int
	Header http.Header
	Body   string
	Echo   *Echo // what reached the upstream; nil if it did not answer
}

func (r Request) withDefaults() Request {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Target == "" {
		r.Target = "/"
	}
	if r.Host == "" {
		r.Host = "example.com"
	}
	return r
}

// HTTP1 sends the request over a connection of its own, in HTTP/1.1.
func (r Request) HTTP1(ctx context.Context, address string) (Response, error) {
	r = r.withDefaults()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return Response{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, r.Host)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("Connection: close\r\n\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return Response{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.Method})
	if err != nil {
		return Response{}, err
	}
	return read(resp)
}

// NewH2C makes a transport that speaks HTTP/2 without TLS, for Request.Over.
// The caller closes its idle connections.
func NewH2C() *http.Transport {
	t := &http.Transport{Protocols: new(http.Protocols)}
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

// NewHTTP1 makes a transport that keeps HTTP/1.1 connections open, for many
// requests. The caller closes its idle connections.
func NewHTTP1() *http.Transport {
	t := &http.Transport{Protocols: new(http.Protocols), MaxIdleConnsPerHost: 1000}
	t.Protocols.SetHTTP1(true)
	return t
}

// Over sends the request by a Go transport, which checks names and values.
func (r Request) Over(ctx context.Context, t *http.Transport, address string) (Response, error) {
	r = r.withDefaults()
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://"+address+r.Target, nil)
	if err != nil {
		return Response{}, err
	}
	req.Host = r.Host
	for _, h := range r.Headers {
		req.Header[h[0]] = append(req.Header[h[0]], h[1])
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return Response{}, err
	}
	return read(resp)
}

func read(resp *http.Response) (Response, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Response{}, err
	}
	r := Response{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
	var e Echo
	if resp.StatusCode == http.StatusOK && json.Unmarshal(body, &e) == nil && e.Target != "" {
		r.Echo = &e
	}
	return r, nil
}
