package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"
)

const (
	// patience is how long an answer may take before it is an error: far more than
	// any measurement, and than the deadline that calls carry.
	patience = 10 * time.Second
	// mostStreams is how many requests a connection may have under way: below what
	// the guard and Envoy grant.
	mostStreams = 1 << 10
	// slots are kept for streams: so many more than may be under way that none is
	// needed again before its stream was answered, even if others overtake that.
	slots = 1 << 16
	// tableSize is the HPACK table that a peer grants unless it says otherwise.
	tableSize = 4096
	// window is what a peer may send without asking; given back by halves.
	window        = 1 << 30
	defaultWindow = 1<<16 - 1
)

// conn is a connection. One goroutine writes requests, and one, which may be the
// same, takes answers.
type conn struct {
	net.Conn
	requests *Requests
	stream   uint32       // the next one
	quota    atomic.Int64 // bytes of DATA that the peer takes
	inFlight atomic.Int64
	streams  int64 // that the peer grants
	out      []byte

	// Of whoever takes answers.
	in       []byte // room; of which the first have bytes are read
	have     int
	headers  *hpack.Decoder
	status   string // of the header block that is being read
	grpc     string
	passed   [slots]bool // by stream: an allow came
	received int         // bytes of DATA not given back
	replies  []byte
	settled  bool // SETTINGS came

	due [slots]atomic.Int64 // by stream: when its request was due
}

// dial connects, and has one request answered: the server has learnt the headers
// by then.
func dial(ctx context.Context, network, address string, r *Requests) (*conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, requests: r, stream: 1, streams: mostStreams, in: make([]byte, 1<<18)}
	c.quota.Store(defaultWindow)
	c.headers = hpack.NewDecoder(tableSize, c.field)
	if err := c.open(); err != nil {
		raw.Close()
		return nil, fmt.Errorf("%s: the first request: %w", address, err)
	}
	return c, nil
}

func (c *conn) open() error {
	c.SetDeadline(time.Now().Add(patience))
	c.out = appendFrame(append(c.out, preface...), frameSettings, 0, nil)
	c.out = appendWindowUpdate(c.out, window-defaultWindow)
	if err := errors.Join(c.add(0, true), c.flush()); err != nil {
		return err
	}
	for c.inFlight.Load() > 0 || !c.settled {
		if _, err := c.take(nil); err != nil {
			return err
		}
	}
	return nil
}

// room tells whether another request may go out now.
func (c *conn) room() bool {
	return c.inFlight.Load() < c.streams && c.quota.Load() >= maxFrame
}

// add writes the next request into the buffer.
func (c *conn) add(due time.Duration, opening bool) error {
	var (
		data int
		err  error
	)
	if c.out, data, err = c.requests.append(c.out, c.stream, opening); err != nil {
		return err
	}
	c.due[slot(c.stream)].Store(int64(due))
	c.stream += 2
	c.inFlight.Add(1)
	c.quota.Add(-int64(data))
	return nil
}

// flush sends the buffer.
func (c *conn) flush() error {
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

// slot is where something about a stream is kept.
func slot(stream uint32) uint32 { return stream >> 1 % slots }

// take reads what has come, at least something, and tells of each answer; an
// answer that is no allow is an error.
func (c *conn) take(answered func(stream uint32)) (n int, err error) {
	got, err := c.Read(c.in[c.have:])
	if err != nil {
		return 0, err
	}
	rest := c.in[:c.have+got]
	for {
		var f *frame
		if f, rest = cut(rest); f == nil {
			break
		}
		ended, err := c.read(f)
		if err != nil {
			return n, err
		}
		if ended {
			n++
			c.inFlight.Add(-1)
			if answered != nil {
				answered(f.stream)
			}
		}
	}
	c.have = copy(c.in, rest)
	if c.received >= window/2 {
		c.replies = appendWindowUpdate(c.replies, uint32(c.received))
		c.received = 0
	}
	if len(c.replies) > 0 {
		_, err = c.Write(c.replies)
		c.replies = c.replies[:0]
	}
	return n, err
}

// read takes in one frame, and tells whether a stream ended with it as it should.
func (c *conn) read(f *frame) (ended bool, err error) {
	end := f.flags&flagEndStream != 0
	switch f.kind {
	case frameData:
		c.received += len(f.payload)
		if f.flags&flagPadded != 0 {
			return false, errors.New("padded DATA")
		}
		if c.requests.grpc {
			if err := allowed(f.payload); err != nil {
				return false, err
			}
			c.passed[slot(f.stream)] = true
		}
		return end, c.concluded(f.stream, end)
	case frameHeaders:
		if f.flags&(flagPadded|flagPriority|flagEndHeaders) != flagEndHeaders {
			return false, errors.New("HEADERS with padding, priority or a continuation")
		}
		c.status, c.grpc = "", ""
		if _, err := c.headers.Write(f.payload); err != nil {
			return false, err
		}
		if err := c.headers.Close(); err != nil {
			return false, err
		}
		if c.status != "" && c.status != "200" || c.grpc != "" && c.grpc != "0" {
			return false, fmt.Errorf("answered with the status %q, grpc-status %q", c.status, c.grpc)
		}
		if !c.requests.grpc && c.status != "" {
			c.passed[slot(f.stream)] = true
		}
		return end, c.concluded(f.stream, end)
	case frameReset:
		// NO_ERROR: the answer was complete before the server saw the end of the request
		// (RFC 9113, section 8.1). One that was not is missed, and waited for in vain.
		if len(f.payload) != 4 || binary.BigEndian.Uint32(f.payload) != 0 {
			return false, fmt.Errorf("RST_STREAM: %x", f.payload)
		}
	case frameGoAway:
		return false, fmt.Errorf("GOAWAY: %q", f.payload)
	case framePing:
		if f.flags&flagAck == 0 {
			c.replies = appendFrame(c.replies, framePing, flagAck, f.payload)
		}
	case frameSettings:
		if f.flags&flagAck == 0 {
			return false, c.settle(f.payload)
		}
	case frameWindowUpdate:
		if f.stream == 0 && len(f.payload) == 4 {
			c.quota.Add(int64(binary.BigEndian.Uint32(f.payload) &^ (1 << 31)))
		}
	}
	return false, nil
}

// concluded is an error for a stream that ended without an allow.
func (c *conn) concluded(stream uint32, end bool) error {
	if !end {
		return nil
	}
	if !c.passed[slot(stream)] {
		return errors.New("an answer without an allow in it")
	}
	c.passed[slot(stream)] = false
	return nil
}

// settle takes a peer's SETTINGS.
func (c *conn) settle(payload []byte) error {
	c.settled = true
	for ; len(payload) >= 6; payload = payload[6:] {
		value := binary.BigEndian.Uint32(payload[2:])
		switch id := binary.BigEndian.Uint16(payload); {
		case id == settingTableSize && value < tableSize, id == settingWindow && value < maxFrame:
			return fmt.Errorf("SETTINGS: %d is %d, which is too little for this client", id, value)
		case id == settingMaxStreams:
			c.streams = min(c.streams, int64(value))
		}
	}
	c.replies = appendFrame(c.replies, frameSettings, flagAck, nil)
	return nil
}

func (c *conn) field(f hpack.HeaderField) {
	switch f.Name {
	case ":status":
		c.status = f.Value
	case "grpc-status":
		c.grpc = f.Value
	}
}
