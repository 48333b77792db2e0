package jwkscache

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every way in which a JWKS endpoint may fail: what the metric counts, and what
// the log says. The test's own log is the table (go test -v).
func TestEveryFaultIsAClearError(t *testing.T) {
	ca, stranger := newTestCA(t), newTestCA(t)
	soon := time.Now().Add(time.Hour)
	good := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", soon)}}
	overTLS := func(config *tls.Config) Source {
		return Source{URI: serveTLS(t, config, respond(keySet)).String() + "/keys", CAFile: ca.file}
	}
	plain := func(h http.HandlerFunc) Source { return Source{URI: serve(t, h) + "/keys"} }
	status := func(code int, header ...string) Source {
		return plain(func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		})
	}
	raw := func(then func(net.Conn)) Source { return Source{URI: serveRaw(t, then) + "/keys"} }
	hurried := func(s Source) Source { s.Timeout = 60 * time.Millisecond; return s }
	now := time.Now().UTC()
	other := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "other.example", soon)}}, respond(keySet))
	resolves := map[string]string{"idp.example": "127.0.0.1", "metadata.example": "169.254.169.254"}

	tests := []struct {
		name   string
		source Source
		result Result
		status int
		wait   time.Duration
		says   string
	}{
		{"no content", status(204), ResultHTTPStatus, 204, 0, "answered 204 No Content; only 200 is a complete answer"},
		{"transformed on the way", status(203), ResultHTTPStatus, 203, 0, "only 200"},
		{"part of it", status(206), ResultHTTPStatus, 206, 0, "only 200"},
		{"not modified, unasked", status(304), ResultHTTPStatus, 304, 0, "answered 304 Not Modified, although the whole document was asked for"},
		{"redirect", status(302, "Location", "https://user:secret@other.example:8443/x?token=secret"), ResultHTTPStatus, 302, 0,
			"answered 302 Found; redirects are not followed, and this one leads to https://other.example:8443; configure the final address"},
		{"redirect to metadata", status(307, "Location", "http://169.254.169.254/latest"), ResultHTTPStatus, 307, 0, "not followed, and this one leads to http://169.254.169.254"},
		{"redirect to itself", status(301, "Location", "/keys"), ResultHTTPStatus, 301, 0, "redirects are not followed"},
		{"redirect to nowhere", status(301, "Location", "http://a b%%"), ResultHTTPStatus, 301, 0, "redirects are not followed"},
		{"forbidden", status(403), ResultHTTPStatus, 403, 0, "must be readable without credentials"},
		{"gone", status(410), ResultHTTPStatus, 410, 0, "check the address (keys are not withdrawn by this)"},
		{"too many requests, seconds", status(429, "Retry-After", "120"), ResultHTTPStatus, 429, 2 * time.Minute, "answered 429 Too Many Requests; it asks to wait 2m0s"},
		{"too many requests, date", status(429, "Date", now.Format(http.TimeFormat), "Retry-After", now.Add(time.Minute).Format(http.TimeFormat)),
			ResultHTTPStatus, 429, time.Minute, "it asks to wait 1m0s"},
		{"broken", status(500), ResultHTTPStatus, 500, 0, "answered 500 Internal Server Error"},
		{"unheard of", status(799), ResultHTTPStatus, 799, 0, "answered 799"},

		{"nobody listens", Source{URI: "http://" + deadAddress(t)}, ResultNetwork, 0, 0, "connection refused"},
		{"reset", raw(func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }), ResultNetwork, 0, 0, "connection reset"},
		{"closed at once", raw(func(net.Conn) {}), ResultNetwork, 0, 0, "closed while waiting for the answer"},
		{"truncated", raw(write("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + keySet)), ResultNetwork, 0, 0, "closed while reading the body, 11 bytes of it so far"},
		{"truncated chunks", raw(write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"key")), ResultNetwork, 0, 0, "closed while reading the body"},
		{"metadata address", Source{URI: "http://metadata.example", AllowInsecureHTTP: true}, ResultNetwork, 0, 0, "is refused: link-local"},

		{"not HTTP", raw(write("SSH-2.0-secret\r\n")), ResultMalformed, 0, 0, "the answer is not HTTP"},
		{"compressed", plain(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "bomb")
		}),
			ResultMalformed, 0, 0, "content encoding gzip"},

		{"endless body", plain(endless), ResultTooLarge, 0, 0, "the body has more than 524288 bytes"},
		{"too big, announced", raw(write("HTTP/1.1 200 OK\r\nContent-Length: 524289\r\n\r\n")), ResultTooLarge, 0, 0, "the body has more than 524288 bytes"},
		{"endless headers", raw(func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for i := 0; i < 10000; i++ {
				fmt.Fprintf(c, "X-Filler-%d: ........\r\n", i)
			}
		}), ResultTooLarge, 0, 0, "headers have more than 65536 bytes"},

		{"silent", hurried(raw(func(c net.Conn) { io.Copy(io.Discard, c) })), ResultTimeout, 0, 0, "(jwks.timeout is 60ms for the whole fetch)"},
		{"wrong name", overTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, "other.example", soon)}}), ResultTLS, 0, 0, "the certificate is refused: cannot validate certificate for 127.0.0.1"},
		{"wrong host", Source{URI: "https://idp.example:" + other.Port(), CAFile: ca.file}, ResultTLS, 0, 0, "certificate is valid for other.example, not idp.example"},
		{"expired", overTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", now.Add(-time.Minute))}}), ResultTLS, 0, 0, "expired"},
		{"another CA", overTLS(&tls.Config{Certificates: []tls.Certificate{stranger.issue(t, "127.0.0.1", soon)}}), ResultTLS, 0, 0, "not signed by a CA in jwks.ca_file, " + ca.file},
		{"unknown CA", Source{URI: serveTLS(t, good, respond(keySet)).String()}, ResultTLS, 0, 0, "a CA that the system does not know; if it is your own, name it in jwks.ca_file"},
		{"TLS 1.1", overTLS(&tls.Config{Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), ResultTLS, 0, 0, "the server refused us: tls: protocol version not supported"},
		{"wants a certificate", overTLS(&tls.Config{Certificates: good.Certificates, ClientAuth: tls.RequireAnyClientCert}), ResultTLS, 0, 0, "certificate required"},
		{"handshake alert", Source{URI: "https" + serveRaw(t, write("\x15\x03\x03\x00\x02\x02\x28"))[4:]}, ResultTLS, 0, 0, "handshake failure"},
		{"plain http on the TLS port", Source{URI: "https" + serveRaw(t, write("HTTP/1.1 400 Bad Request\r\n\r\n"))[4:]}, ResultTLS, 0, 0, "plain http on this port"},
		{"hangs up within a TLS record", Source{URI: "https" + serveRaw(t, write("\x16\x03\x03\x00\x40\x02"))[4:]}, ResultNetwork, 0, 0, "closed while in the TLS handshake"},
		{"hangs up in the handshake", Source{URI: "https" + serveRaw(t, func(net.Conn) {})[4:]}, ResultNetwork, 0, 0, "closed while in the TLS handshake"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := mustFetcher(t, tt.source)
			if addr := resolves[mustURL(t, tt.source.URI).Hostname()]; addr != "" {
				f.(*httpSource).client.dial = guardedDial(resolver(addr))
			}
			e := fetchFails(t, f)
			t.Logf("%-11s %v", e.Result, e)
			if e.Result != tt.result || e.Status != tt.status || e.RetryAfter != tt.wait {
				t.Errorf("result %s, status %d, wait %s; want %s, %d, %s", e.Result, e.Status, e.RetryAfter, tt.result, tt.status, tt.wait)
			}
			if !strings.Contains(e.Error(), tt.says) {
				t.Errorf("it does not say %q", tt.says)
			}
			if strings.Contains(e.Error(), "secret") || strings.ContainsAny(e.Error(), "\r\n") {
				t.Error("it repeats what it must not")
			}
			if !strings.HasPrefix(e.Error(), tt.source.URI) {
				t.Errorf("it does not begin with the address, %s", tt.source.URI)
			}
		})
	}
}

func TestWebPageIsNamedAsSuch(t *testing.T) {
	f := mustFetcher(t, Source{URI: serve(t, respond("\n<!DOCTYPE html><title>Sign in</title>"))})
	a, err := f.fetch(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	e := a.malformed(errors.New("line 2: want a JSON object"))
	t.Log(e)
	if want := ": not a key set (38 bytes, content type text/html, looks like a web page): line 2: want a JSON object"; e.Result != ResultMalformed || !strings.HasSuffix(e.Error(), want) {
		t.Errorf("%s %q, want …%q", e.Result, e, want)
	}
}

// A CA that replaces another in the same file counts from the next fetch on.
func TestRenewedCAFileCounts(t *testing.T) {
	ca, renewed := newTestCA(t), newTestCA(t)
	cert := renewed.issue(t, "127.0.0.1", time.Now().Add(time.Hour))
	u := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, respond(keySet))
	f := mustFetcher(t, Source{URI: u.String(), CAFile: ca.file})
	if e := fetchFails(t, f); e.Result != ResultTLS {
		t.Fatal(e)
	}
	renewed.write(t, ca.file)
	if a := fetchOK(t, f, false); string(a.Body) != keySet {
		t.Errorf("body %q", a.Body)
	}
}

func TestVanishedCAFileTrustsNobody(t *testing.T) {
	ca := newTestCA(t)
	h, err := newHTTPSource(Source{URI: "https://127.0.0.1", CAFile: ca.file})
	if err != nil {
		t.Fatal(err)
	}
	h.client.caFile = filepath.Join(t.TempDir(), "gone.pem")
	if e := fetchFails(t, h); e.Result != ResultTLS || !strings.Contains(e.Error(), "jwks.ca_file: open ") {
		t.Errorf("%s: %v", e.Result, e)
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			return
		}
	}
}

func write(s string) func(net.Conn) { return func(c net.Conn) { io.WriteString(c, s) } }

// deadAddress is one at which nobody listens.
func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
