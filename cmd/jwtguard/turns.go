package main

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// readSize is how much is read of a connection at a time, in bytes, and readsInTurn how
// often one is read that always has more, before others have their turn: a hundred
// checks or two. The runtime would let it go on for 10 ms; a hundred connections with
// the smallest frames there are would have everybody wait for a second.
const readSize, readsInTurn = 8 << 10, 2

// turns is a connection that is read in turns with others: who has one question now
// and then comes before those who flood.
type turns struct {
	net.Conn
	turn *sync.Mutex // of those that always have more: who has it is next
	out  sync.Mutex  // while something is written

	// Of the reader: how it reads what is there, without waiting; how often it could
	// in a row; and what came of it.
	raw    syscall.RawConn
	try    func(fd uintptr) bool
	row    int
	buffer []byte
	n      int
	err    error
}

// newTurns makes one of a connection of the net package. It fails if that is closed.
func newTurns(conn net.Conn, turn *sync.Mutex) (*turns, error) {
	t := &turns{Conn: conn, turn: turn}
	t.try = t.tries
	var err error
	t.raw, err = conn.(syscall.Conn).SyscallConn()
	return t, err
}

// Write writes.
func (t *turns) Write(b []byte) (int, error) {
	t.out.Lock()
	defer t.out.Unlock()
	return t.Conn.Write(b)
}

// Read reads. A connection that always has more lets all others have their turn now
// and then, and only one such connection at a time is next. It is none as long as the
// other side does not take what is written: grpc-go would keep up to ten thousand
// frames for it, some 5 MiB.
func (t *turns) Read(b []byte) (int, error) {
	t.row++
	t.buffer = b
	if err := t.raw.Read(t.try); err != nil {
		return 0, err
	}
	if t.row > readsInTurn {
		t.out.Lock()
		//lint:ignore SA2001 it waits for the end of a write
		t.out.Unlock()
		t.turn.Lock()
		runtime.Gosched()
		t.turn.Unlock()
	}
	switch {
	case t.err != nil:
		return 0, os.NewSyscallError("read", t.err)
	case t.n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return t.n, nil
}

// tries reads what is there. It is false if nothing is.
func (t *turns) tries(fd uintptr) bool {
	for t.err = syscall.EINTR; t.err == syscall.EINTR; {
		t.n, t.err = syscall.Read(int(fd), t.buffer)
	}
	if t.err == syscall.EAGAIN {
		t.row = 0
		return false
	}
	return true
}
