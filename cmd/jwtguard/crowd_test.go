package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// floods are clients that hold what they get.
var floods = map[string]string{
	"that say nothing":         "",
	"with a header that stays": "GET /healthz HTTP/1.1\r\nHost: x\r\nA: a",
	"that are kept alive":      "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
}

// A flood of connections that are held holds no more than the limit, and probes
// get through at once.
func TestHeldConnectionsLockOutNoProbe(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	for name, says := range floods {
		t.Run(name, func(t *testing.T) {
			var held []net.Conn
			for range maxHTTPConns + 10 {
				c, err := net.Dial("tcp", g.metrics())
				w.must(err)
				defer c.Close()
				_, _ = io.WriteString(c, says)
				held = append(held, c)
			}
			start := time.Now()
			if status, body := g.http("tcp", "/healthz"); status != http.StatusOK {
				t.Errorf("%d: %s", status, body)
			}
			if took := time.Since(start); took > headerTimeout/2 {
				t.Errorf("the probe waited for %v", took)
			}
			// The oldest ones were closed, the probe's place included.
			for _, c := range held[:11] {
				w.must(c.SetReadDeadline(time.Now().Add(headerTimeout / 2)))
				if _, err := io.Copy(io.Discard, c); isTimeout(err) {
					t.Fatal("a connection beyond the limit is still open")
				}
			}
			w.must(held[len(held)-1].SetReadDeadline(time.Now().Add(10 * time.Millisecond)))
			if _, err := io.Copy(io.Discard, held[len(held)-1]); !isTimeout(err) {
				t.Errorf("one within the limit was closed: %v", err)
			}
		})
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// Connections that end make room: they are not among those who are displaced.
func TestClosedConnectionsAreNotCounted(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := &crowdListener{Listener: inner, most: 2}
	accept := func() net.Conn {
		t.Helper()
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first := accept()
	for range 5 {
		c := accept()
		c.Close()
		c.Close() // as net/http may
	}
	if err := first.SetDeadline(time.Now()); err != nil {
		t.Errorf("closed although there was room: %v", err)
	}
	accept()
	accept()
	if first.SetDeadline(time.Now()) == nil || l.open.Len() != 2 {
		t.Errorf("%d are open", l.open.Len())
	}
}

func TestHeadersOfProbesAreBounded(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	for n, want := range map[int]int{3800: 200, 8 << 10: 431} {
		c, err := net.Dial("tcp", g.metrics())
		w.must(err)
		defer c.Close()
		w.must(c.SetDeadline(time.Now().Add(patienceOfTests)))
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nA: "+strings.Repeat("a", n)+"\r\n\r\n")
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		w.must(err)
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", n, r.StatusCode, want)
		}
	}
}
