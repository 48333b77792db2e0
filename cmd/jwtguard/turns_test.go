package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// pair is a connection that is read in turns, and its other end.
func pair(t *testing.T, turn *sync.Mutex) (*turns, net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "jg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close(); conn.Close() })
	c, err := newTurns(conn, turn)
	if err != nil {
		t.Fatal(err)
	}
	return c, other
}

// Who always has more waits for its turn. Who asks now and then does not, even while
// somebody else's turn lasts.
func TestFloodsAreReadInTurns(t *testing.T) {
	var turn sync.Mutex
	flood, flooder := pair(t, &turn)
	calm, client := pair(t, &turn)
	if _, err := flooder.Write(make([]byte, 10*readSize)); err != nil {
		t.Fatal(err)
	}
	turn.Lock()
	buffer := make([]byte, readSize)
	for range readsInTurn {
		if n, err := flood.Read(buffer); n != readSize || err != nil {
			t.Fatal(n, err)
		}
	}
	next := make(chan error)
	go func() {
		_, err := flood.Read(buffer)
		next <- err
	}()
	for range 100 {
		answered := make(chan error)
		go func() {
			_, err := calm.Read(make([]byte, 10))
			answered <- err
		}()
		time.Sleep(time.Microsecond)
		if _, err := client.Write([]byte("question")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-answered:
			if err != nil {
				t.Fatal(err)
			}
		case <-next:
			t.Fatal("the flood did not wait for its turn")
		case <-time.After(patienceOfTests):
			t.Fatal("who asks now and then had to wait")
		}
	}
	turn.Unlock()
	if err := <-next; err != nil {
		t.Fatal(err)
	}
}

// Who asks and asks, and takes no answer, is not read any more until he does.
func TestWhoTakesNoAnswersIsNotRead(t *testing.T) {
	c, client := pair(t, new(sync.Mutex))
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(make([]byte, 8<<20))
		wrote <- err
	}()
	for c.out.TryLock() { // until it writes
		c.out.Unlock()
		time.Sleep(time.Millisecond)
	}
	if _, err := client.Write(make([]byte, 10*readSize)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, readSize)
	for range readsInTurn {
		if _, err := c.Read(buffer); err != nil {
			t.Fatal(err)
		}
	}
	read := make(chan error)
	go func() {
		_, err := c.Read(buffer)
		read <- err
	}()
	for range 7 {
		if _, err := io.ReadFull(client, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-read:
			t.Fatal("it is read")
		default:
		}
	}
	if _, err := io.ReadFull(client, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
}

// It reads as any connection does.
func TestReadingInTurnsEndsAsUsual(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(mine *turns, other net.Conn)
		want error
	}{
		"the other side closes": {func(_ *turns, other net.Conn) { other.Close() }, io.EOF},
		"this side closes":      {func(mine *turns, _ net.Conn) { mine.Close() }, net.ErrClosed},
		"too late":              {func(mine *turns, _ net.Conn) { mine.SetReadDeadline(time.Now()) }, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			mine, other := pair(t, new(sync.Mutex))
			read := make(chan error)
			go func() {
				_, err := io.ReadFull(mine, make([]byte, 5))
				if err == nil {
					_, err = mine.Read(make([]byte, 5))
				}
				read <- err
			}()
			if _, err := other.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			tc.end(mine, other)
			if err := <-read; !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}
