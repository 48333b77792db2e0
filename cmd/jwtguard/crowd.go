package main

import (
	"container/list"
	"net"
	"sync"
)

// maxHTTPConns bounds the connections of an HTTP listener. Probes, scrapers and
// people need a handful; so many of them, each with its buffers and the header
// limit used up, hold 2 MiB and 64 descriptors.
const maxHTTPConns = 64

// crowdListener holds at most so many connections at once. One more displaces the
// oldest one. Waiting for an end instead would have a probe stand behind everybody
// in the listener's queue, each of whom may take [headerTimeout]; like this, who
// only holds connections loses them, and a probe, which is answered within
// milliseconds, is displaced only if so many others come in that time.
type crowdListener struct {
	net.Listener
	most int

	mu   sync.Mutex
	open list.List // by mu: of *crowdConn, the oldest one first
}

// crowdConn leaves the crowd when it is closed.
type crowdConn struct {
	net.Conn
	leave func()
}

func (l *crowdListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &crowdConn{Conn: conn}
	l.mu.Lock()
	place := l.open.PushBack(c)
	c.leave = sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open.Remove(place)
	})
	var oldest *crowdConn
	if l.open.Len() > l.most {
		oldest = l.open.Front().Value.(*crowdConn)
	}
	l.mu.Unlock()
	if oldest != nil {
		oldest.Close()
	}
	return c, nil
}

func (c *crowdConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// NetConn is the connection itself, which knows its peer.
func (c *crowdConn) NetConn() net.Conn { return c.Conn }
