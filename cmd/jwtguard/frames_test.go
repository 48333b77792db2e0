package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
)

// preface is how a connection of HTTP/2 begins: with settings, none here.
const preface = http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// frames is a connection to the guard, frame by frame.
type frames struct {
	testing.TB
	net.Conn
	*http2.Framer
	last uint32 // stream

	conn, stream int    // what may be sent
	answer       []byte // to the last question
}

func (g *guardRun) frames() *frames {
	g.t.Helper()
	c, err := net.Dial("unix", g.path("authz.sock"))
	g.must(err)
	g.t.Cleanup(func() { c.Close() })
	g.must(c.SetDeadline(time.Now().Add(patienceOfTests)))
	f := &frames{TB: g.t, Conn: c, Framer: http2.NewFramer(c, c), last: ^uint32(0), conn: 64<<10 - 1}
	_, err = c.Write([]byte(preface))
	g.must(err)
	return f
}

// block are the headers of a check, and more.
func block(more ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	e.SetMaxDynamicTableSize(0)
	pairs := append([]string{":method", "POST", ":scheme", "http", ":path", authv3.Authorization_Check_FullMethodName,
		":authority", "guard", "content-type", "application/grpc", "te", "trailers"}, more...)
	for i := 0; i+1 < len(pairs); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

// body is a check as gRPC sends it.
func body(t testing.TB, r *authv3.CheckRequest) []byte {
	t.Helper()
	m, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

// open begins a call.
func (f *frames) open(headers []byte) (id uint32, err error) {
	f.last += 2
	const most = 16 << 10
	first := headers[:min(len(headers), most)]
	err = f.WriteHeaders(http2.HeadersFrameParam{StreamID: f.last, BlockFragment: first, EndHeaders: len(first) == len(headers)})
	for rest := headers[len(first):]; err == nil && len(rest) > 0; {
		part := rest[:min(len(rest), most)]
		rest = rest[len(part):]
		err = f.WriteContinuation(f.last, len(rest) == 0, part)
	}
	return f.last, err
}

// until reads frames until one is what is waited for. It is false if the connection
// ends before.
func (f *frames) until(is func(http2.Frame) bool) bool {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			if isTimeout(err) {
				f.Errorf("the guard neither answers nor ends the connection")
			}
			return false
		}
		if is(frame) {
			return true
		}
	}
}

// ask asks one question and reads the answer, as far as the windows let it, with
// next to no memory of its own.
func (f *frames) ask(headers, message []byte) {
	f.Helper()
	f.SetReuseFrames()
	id, err := f.open(headers)
	if err != nil {
		f.Fatal(err)
	}
	const frame, first = 16 << 10, 64<<10 - 1
	f.stream = first
	for done := false; !done; {
		size := min(frame, len(message), f.stream, f.conn)
		if size > 0 {
			if err := f.WriteData(id, size == len(message), message[:size]); err != nil {
				f.Fatal(err)
			}
			message, f.stream, f.conn = message[size:], f.stream-size, f.conn-size
			continue
		}
		if !f.until(func(frame http2.Frame) bool {
			switch frame := frame.(type) {
			case *http2.WindowUpdateFrame:
				if frame.StreamID == 0 {
					f.conn += int(frame.Increment)
				} else if frame.StreamID == id {
					f.stream += int(frame.Increment)
				}
				return true
			case *http2.HeadersFrame:
				done = frame.StreamID == id && frame.StreamEnded()
			case *http2.DataFrame:
				f.answer = append(f.answer[:0], frame.Data()...)
			}
			return done
		}) {
			f.Fatal("the connection ended")
		}
	}
}
