package main

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxClients bounds the connections of all ext_authz listeners together. Each
	// worker of an Envoy has one, or one for each [maxStreams] checks under way. An
	// idle one takes 40 KiB.
	maxClients = 1024
	// fileShare is the part of the files that the process may have open which they
	// may take, where that is less: the others are for keys, ledger, and operators.
	fileShare = 2
	// displacedEach is how often the log tells of connections that had to go.
	displacedEach = 10 * time.Second
	// answerLeast is the size of a write that is an answer, if it is none of the first
	// greetings: those are TLS's and settings. grpc.health.v1 has the shortest answers;
	// a ping, or its answer, has 17 bytes, and 22 more by TLS.
	answerLeast, greetings = 40, 5
)

// clients are the connections of the ext_authz listeners.
type clients struct {
	most  int
	start time.Time
	log   *slog.Logger
	tell  rate.Sometimes

	turn sync.Mutex // see turns

	mu        sync.Mutex
	last      int64
	open      map[*client]struct{} // by mu
	peers     map[string]int       // by mu: how many of open
	displaced int                  // by mu: since the log told
}

func newClients(log *slog.Logger) *clients {
	c := &clients{most: maxClients, start: time.Now(), log: log, tell: rate.Sometimes{First: 1, Interval: displacedEach},
		open: map[*client]struct{}{}, peers: map[string]int{}}
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		c.most = int(min(uint64(c.most), max(1, files.Cur/fileShare)))
	}
	return c
}

// client is one of these connections.
type client struct {
	*turns
	all      *clients
	peer     string // its host; empty over a unix socket
	place    int64  // in the order of arrival
	leave    func()
	answered atomic.Int64 // when last, since the start; 0: never
	written  int          // of its writer: how often
}

// clientListener hands its connections over to clients.
type clientListener struct {
	net.Listener
	all *clients
}

func (l *clientListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.all.add(conn); c != nil {
			return c, nil
		}
		conn.Close()
	}
}

// add takes a connection. If there are too many then, one of them has to go. It is
// nil for one that is closed already.
func (l *clients) add(conn net.Conn) *client {
	t, err := newTurns(conn, &l.turn)
	if err != nil {
		return nil
	}
	c := &client{turns: t, all: l}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		c.peer = a.IP.String()
	}
	l.mu.Lock()
	l.last++
	c.place = l.last
	l.open[c] = struct{}{}
	l.peers[c.peer]++
	c.leave = sync.OnceFunc(func() { l.remove(c) })
	var out *client
	if len(l.open) > l.most {
		out = l.first()
		l.displaced++
		l.tell.Do(func() {
			l.log.Warn("connections_displaced", "count", l.displaced, "limit", l.most, "peer", out.peer, "ever_answered", out.answered.Load() > 0)
			l.displaced = 0
		})
	}
	l.mu.Unlock()
	if out != nil {
		out.Close()
	}
	return c
}

func (l *clients) remove(c *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	if l.peers[c.peer]--; l.peers[c.peer] == 0 {
		delete(l.peers, c.peer)
	}
}

// first is who has to go first, of those that are open.
func (l *clients) first() (out *client) {
	for c := range l.open {
		if out == nil || l.before(c, out) {
			out = c
		}
	}
	return out
}

// before tells whether a has to go before b. Whoever never got an answer goes first,
// in the order in which they came; who connects all the time displaces his own. Else
// it is a connection of the host that has the most, and of these the one whose last
// answer is the longest ago: Envoy's next check makes a new one.
func (l *clients) before(a, b *client) bool {
	at, bt := a.answered.Load(), b.answered.Load()
	switch an, bn := l.peers[a.peer], l.peers[b.peer]; {
	case (at == 0) != (bt == 0):
		return at == 0
	case at == 0:
		return a.place < b.place
	case an != bn:
		return an > bn
	}
	return at < bt
}

func (c *client) Close() error {
	c.leave()
	return c.turns.Close()
}

// Write writes, and notes that a connection was answered: what keeps one alive is
// short, and sent by itself.
func (c *client) Write(b []byte) (int, error) {
	if c.written++; c.written > greetings && len(b) >= answerLeast {
		c.answered.Store(int64(time.Since(c.all.start)))
	}
	return c.turns.Write(b)
}
