package jwkscache

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// However a server spends the time, a fetch takes no longer than its timeout,
// and leaves nothing running: the bubble would not end.
func TestSlowServerCannotHoldAFetch(t *testing.T) {
	const timeout = 59*time.Second + 500*time.Millisecond // 59 bytes of drip
	head := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	tests := []struct{ name, scheme, sends, says string }{
		{"handshake", "https", "", "timed out while in the TLS handshake"},
		{"nothing", "http", "", "timed out while waiting for the answer"},
		{"headers", "http", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: a\r\n", 100), "timed out while reading the answer's headers"},
		{"body", "http", head + strings.Repeat("{", 1000), "timed out while reading the body, 18 bytes of it so far"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := mustFetcher(t, Source{URI: tt.scheme + "://127.0.0.1/keys", Timeout: timeout})
				f.(*httpSource).client.dial = func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					go drip(server, tt.sends)
					return client, nil
				}
				start := time.Now()
				e := fetchFails(t, f)
				took := time.Since(start)
				time.Sleep(time.Second) // drip notices
				t.Log(e)
				if took != timeout {
					t.Errorf("took %s", took)
				}
				if e.Result != ResultTimeout || !strings.Contains(e.Error(), tt.says) || !strings.Contains(e.Error(), "(jwks.timeout is 59.5s for the whole fetch)") {
					t.Errorf("%s: %v, want %q", e.Result, e, tt.says)
				}
			})
		})
	}
}

// drip takes what comes, sends s at one byte a second, and never hangs up.
func drip(c net.Conn, s string) {
	go func() {
		for i := range len(s) {
			time.Sleep(time.Second)
			if _, err := c.Write([]byte{s[i]}); err != nil {
				return
			}
		}
	}()
	io.Copy(io.Discard, c)
	c.Close()
}

// An owner that stops does not wait for the server.
func TestFetchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := mustFetcher(t, Source{URI: "http://127.0.0.1/keys"})
		f.(*httpSource).client.dial = func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go drip(server, "")
			return client, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := f.fetch(ctx, false)
		if err == nil || !strings.Contains(err.Error(), "given up while waiting for the answer") || time.Since(start) != time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// However much a server sends, no more is kept than a key set may have.
func TestBodyIsReadNoFurtherThanItsLimit(t *testing.T) {
	body := &counted{}
	transport := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, ContentLength: -1, Body: body}, nil
	})
	e := fetchFails(t, mustFetcher(t, Source{URI: "https://idp.example", Transport: transport}))
	if e.Result != ResultTooLarge || body.read != maxDocument+1 || !body.closed {
		t.Errorf("%v; read %d bytes, closed %t", e, body.read, body.closed)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// counted is an endless body.
type counted struct {
	read   int
	closed bool
}

func (c *counted) Read(p []byte) (int, error) { c.read += len(p); return len(p), nil }
func (c *counted) Close() error               { c.closed = true; return nil }
