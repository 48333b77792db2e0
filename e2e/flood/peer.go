package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// frameSize is the largest frame that HTTP/2 allows before anything is agreed on.
	frameSize = 16 << 10
	// firstWindow is how much may be sent before anything is granted.
	firstWindow = 64<<10 - 1
)

// peer is a connection that speaks HTTP/2, frame by frame, as no client would.
type peer struct {
	net.Conn
	in, out *http2.Framer
	buffer  *bufio.Writer
	last    uint32 // stream

	mu      sync.Mutex
	changed *sync.Cond
	dead    bool
	window  map[uint32]int // what may still be sent, by stream; 0: of the connection
}

// bare connects, and says nothing.
func (a *attack) bare(ctx context.Context) (net.Conn, error) {
	network, address := "tcp", a.at
	if path, ok := strings.CutPrefix(a.at, "unix://"); ok {
		network, address = "unix", path
	}
	a.opened.Add(1)
	return new(net.Dialer).DialContext(ctx, network, address)
}

// dial connects and sends the preface with these settings.
func (a *attack) dial(ctx context.Context, settings ...http2.Setting) (*peer, error) {
	c, err := a.bare(ctx)
	if err != nil {
		return nil, err
	}
	p := &peer{Conn: c, buffer: bufio.NewWriterSize(c, 64<<10), window: map[uint32]int{0: firstWindow}, last: ^uint32(0)}
	p.changed = sync.NewCond(&p.mu)
	p.in, p.out = http2.NewFramer(nil, bufio.NewReaderSize(c, 64<<10)), http2.NewFramer(p.buffer, nil)
	p.in.SetReuseFrames()
	p.out.AllowIllegalWrites = true
	_, _ = p.buffer.WriteString(http2.ClientPreface)
	_ = p.out.WriteSettings(settings...)
	if len(settings) > 0 {
		_ = p.out.WriteWindowUpdate(0, 1<<30) // for all answers together
	}
	return p, nil
}

// generous are the settings of a client that takes all answers.
var generous = []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1 << 30}}

// headers is a block of headers, encoded so that it is the same each time.
func headers(pairs ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	e.SetMaxDynamicTableSize(0)
	for i := 0; i+1 < len(pairs); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

// call are the headers of a check.
func call(more ...string) []byte {
	return headers(append([]string{":method", "POST", ":scheme", "http", ":path", "/envoy.service.auth.v3.Authorization/Check",
		":authority", "guard", "content-type", "application/grpc", "te", "trailers"}, more...)...)
}

// open begins a stream.
func (p *peer) open(block []byte, end bool) (uint32, error) {
	p.last += 2
	id := p.last
	first := block[:min(len(block), frameSize)]
	err := p.out.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: end, EndHeaders: len(first) == len(block)})
	for rest := block[len(first):]; err == nil && len(rest) > 0; {
		part := rest[:min(len(rest), frameSize)]
		rest = rest[len(part):]
		err = p.out.WriteContinuation(id, len(rest) == 0, part)
	}
	return id, err
}

// ask opens a stream and sends a check on it.
func (p *peer) ask(block, message []byte) error {
	id, err := p.open(block, false)
	if err != nil {
		return err
	}
	return p.out.WriteData(id, true, message)
}

// prefixed is a message as gRPC sends it.
func prefixed(m []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

// listen reads until the connection ends: it acknowledges what is to be
// acknowledged, and tells of each stream that the other side ended.
func (p *peer) listen(ended func(id uint32)) {
	defer func() {
		p.mu.Lock()
		p.dead = true
		p.changed.Broadcast()
		p.mu.Unlock()
		p.Close()
	}()
	for {
		f, err := p.in.ReadFrame()
		if err != nil {
			return
		}
		id, done := f.Header().StreamID, false
		p.mu.Lock()
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = p.out.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				err = p.out.WritePing(true, f.Data)
			}
		case *http2.WindowUpdateFrame:
			p.window[id] += int(f.Increment)
			p.changed.Broadcast()
		case *http2.RSTStreamFrame:
			done = true
		case *http2.HeadersFrame:
			done = f.StreamEnded()
		case *http2.DataFrame:
			done = f.StreamEnded()
		}
		if err == nil {
			err = p.buffer.Flush()
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
		if done && ended != nil {
			ended(id)
			p.mu.Lock()
			p.changed.Broadcast()
			p.mu.Unlock()
		}
	}
}

// locked runs f, which writes, and sends what it wrote.
func (p *peer) locked(f func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return net.ErrClosed
	}
	if err := f(); err != nil {
		return err
	}
	return p.buffer.Flush()
}
