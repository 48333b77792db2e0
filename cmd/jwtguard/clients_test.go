package main

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Who has to go when there are too many, in this order.
func TestWhoMakesRoomForANewcomer(t *testing.T) {
	l := newClients(slog.New(slog.DiscardHandler))
	names := map[*client]string{}
	for i, c := range []struct {
		name, peer string
		answered   int64
	}{
		{"early, answered last", "10.0.0.1", 900},
		{"silent, first", "10.0.0.1", 0},
		{"of the host with most, answered early", "10.0.0.2", 300},
		{"of the host with most, answered late", "10.0.0.2", 800},
		{"silent, last", "10.0.0.2", 0},
		{"answered first of all", "10.0.0.1", 100},
		{"of the host with most, answered latest", "10.0.0.2", 1000},
	} {
		x := &client{all: l, peer: c.peer, place: int64(i)}
		x.answered.Store(c.answered)
		l.open[x] = struct{}{}
		l.peers[c.peer]++
		names[x] = c.name
	}
	var order []string
	for len(l.open) > 0 {
		out := l.first()
		order = append(order, names[out])
		l.remove(out)
	}
	want := []string{"silent, first", "silent, last",
		"of the host with most, answered early", "answered first of all",
		"of the host with most, answered late", "early, answered last", "of the host with most, answered latest"}
	if d := cmp.Diff(want, order); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Envoy keeps its connection, and gets new ones, whoever else holds or makes any
// number of them; and the log says so, once.
func TestConnectionsOfOthersDoNotLockEnvoyOut(t *testing.T) {
	const most = 8
	for name, says := range map[string]string{"that say nothing": "", "that say the preface": preface, "that are no HTTP/2": "GET / HTTP/1.1\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			g := w.start(w.usual())
			g.service.clients.mu.Lock()
			g.service.clients.most = most
			g.service.clients.mu.Unlock()
			g.event(0, `"msg":"ready"`)
			old := g.envoy()
			for range 2 * greetings {
				old.gets(w.token(), "ok")
			}
			var held []net.Conn
			for range 5 * most {
				c, err := net.Dial("unix", g.path("authz.sock"))
				w.must(err)
				defer c.Close()
				_, _ = io.WriteString(c, says) // or it had to go already
				held = append(held, c)
			}
			g.envoy().gets(w.token(), "ok")
			old.gets(w.token(), "ok")
			for _, c := range held[:4*most] {
				w.must(c.SetReadDeadline(time.Now().Add(patienceOfTests)))
				if _, err := io.Copy(io.Discard, c); isTimeout(err) {
					t.Fatal("one that had to go is still open")
				}
			}
			g.event(0, `"msg":"connections_displaced"`, `"limit":8`, `"ever_answered":false`)
			if n := strings.Count(g.log.String(), "connections_displaced"); n != 1 {
				t.Errorf("told %d times", n)
			}
			l := g.service.clients
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(l.open) > most || l.peers[""] != len(l.open) {
				t.Errorf("%d are open, %d by peer", len(l.open), l.peers[""])
			}
		})
	}
}

// A connection that does not come to its first question is closed.
func TestHalfOpenConnectionsAreClosed(t *testing.T) {
	s := startSecured(t, `"127.0.0.1:0"`)
	plain := newWorld(t)
	g := plain.startReady(plain.usual())
	start := time.Now()
	for name, c := range map[string]struct{ network, address, says string }{
		"nothing":          {"unix", g.path("authz.sock"), ""},
		"half a preface":   {"unix", g.path("authz.sock"), preface[:10]},
		"no settings":      {"unix", g.path("authz.sock"), preface[:24]},
		"no TLS":           {"tcp", s.service.grpc[0].at(), ""},
		"half a handshake": {"tcp", s.service.grpc[0].at(), "\x16\x03\x01\x02\x00\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial(c.network, c.address)
			plain.must(err)
			defer conn.Close()
			_, err = io.WriteString(conn, c.says)
			plain.must(err)
			plain.must(conn.SetReadDeadline(time.Now().Add(patienceOfTests)))
			if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
				t.Errorf("it is open after %v", time.Since(start))
			}
		})
	}
}
