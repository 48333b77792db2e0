package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/net/http2/hpack"
)

const (
	// maxFrame is the payload that every HTTP/2 server takes (RFC 9113, section 4.2).
	maxFrame    = 16384
	frameHeader = 9
	// grpcPrefix is a flag and a length before each message.
	grpcPrefix = 5
)

// Requests are what is sent, in turn. Several connections may share them.
type Requests struct {
	grpc     bool
	first    []byte // header block, without authorization, that opens a connection: it fills the HPACK table
	frames   []frames
	variants int // 0: each request is sent again and again
	next     atomic.Int64
}

// frames are one request on stream 0.
type frames struct {
	text    []byte
	headers int    // length of the first one; DATA, if any, is behind it
	own     []byte // the part of its header block that differs from others'

	digits []int // where the variant's number ends
}

// GRPC are unary calls of a method with the given messages.
func GRPC(method string, messages [][]byte) (*Requests, error) {
	h := newHeaders(
		":method", "POST", ":scheme", "http", ":path", method, ":authority", "localhost",
		"te", "trailers", "grpc-timeout", "2000m", "content-type", "application/grpc")
	r := &Requests{grpc: true, first: h.first}
	for _, m := range messages {
		if len(m)+grpcPrefix > maxFrame {
			return nil, fmt.Errorf("a request of %d bytes does not fit into a frame of %d", len(m), maxFrame)
		}
		text := appendFrame(nil, frameHeaders, flagEndHeaders, h.again)
		second := len(text)
		text = appendFrame(text, frameData, flagEndStream, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...))
		r.frames = append(r.frames, frames{text: text, headers: second})
	}
	return r, nil
}

// GET are requests for a path, each with the value of its authorization header.
func GET(path string, authorizations []string) (*Requests, error) {
	h := newHeaders(
		":method", "GET", ":scheme", "http", ":path", path, ":authority", "orders.example.com",
		"accept", "application/json", "accept-encoding", "gzip, deflate, br", "user-agent", "orders-client/1.42 (linux)")
	r := &Requests{first: h.first}
	for _, a := range authorizations {
		own := h.literal("authorization", a)
		if len(h.first)+len(own) > maxFrame {
			return nil, fmt.Errorf("headers of %d bytes do not fit into a frame of %d", len(h.first)+len(own), maxFrame)
		}
		text := appendFrame(nil, frameHeaders, flagEndHeaders|flagEndStream, append(bytes.Clone(h.again), own...))
		r.frames = append(r.frames, frames{text: text, headers: len(text), own: own})
	}
	return r, nil
}

// Len is how many different messages there are.
func (r *Requests) Len() int { return len(r.frames) }

// Once has each message sent once in each of so many variants, and then no more.
// Every message holds the mark, which ends in zeros: they are where the number of
// the variant is written. A single variant needs no mark.
func (r *Requests) Once(mark string, variants int) error {
	if r.variants = variants; variants == 1 {
		return nil
	}
	if digits := len(mark) - len(strings.TrimRight(mark, "0")); len(strconv.Itoa(variants-1)) > digits {
		return fmt.Errorf("the mark %q has no room for the numbers of %d variants", mark, variants)
	}
	for i := range r.frames {
		f := &r.frames[i]
		at := bytes.Index(f.text, []byte(mark))
		if at < 0 || bytes.Count(f.text, []byte(mark)) != 1 {
			return fmt.Errorf("request %d does not hold the mark %q exactly once", i, mark)
		}
		f.digits = append(f.digits, at+len(mark))
	}
	return nil
}

// append appends the next request, as one on the given stream, and says how many
// bytes of it are DATA. On the first stream of a connection the headers are written
// in full.
func (r *Requests) append(to []byte, stream uint32, opening bool) (_ []byte, data int, err error) {
	if len(r.frames) == 0 {
		return to, 0, errors.New("there are no requests to be sent")
	}
	n := r.next.Add(1) - 1
	f, variant := &r.frames[n%int64(len(r.frames))], n/int64(len(r.frames))
	if r.variants > 0 && variant >= int64(r.variants) {
		return to, 0, fmt.Errorf("all %d different requests have been sent: make more of them", len(r.frames)*r.variants)
	}
	at := len(to)
	if opening {
		flags := f.text[4]
		to = appendFrame(to, frameHeaders, flags, append(bytes.Clone(r.first), f.own...))
		to = append(to, f.text[f.headers:]...)
	} else {
		to = append(to, f.text...)
	}
	shift := len(to) - at - len(f.text)
	binary.BigEndian.PutUint32(to[at+5:], stream)
	if f.headers < len(f.text) {
		binary.BigEndian.PutUint32(to[at+shift+f.headers+5:], stream)
		data = len(f.text) - f.headers - frameHeader
	}
	for _, end := range f.digits {
		for i, v := at+shift+end-1, variant; v > 0; i, v = i-1, v/10 {
			to[i] = '0' + byte(v%10)
		}
	}
	return to, data, nil
}

// headers are a header block before and after a server has learnt it.
type headers struct{ first, again []byte }

func newHeaders(fields ...string) headers {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	write := func() []byte {
		block.Reset()
		for i := 0; i < len(fields); i += 2 {
			e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // into memory: no error
		}
		return bytes.Clone(block.Bytes())
	}
	return headers{first: write(), again: write()}
}

// literal is a field that no table learns.
func (headers) literal(name, value string) []byte {
	var block bytes.Buffer
	hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: true})
	return block.Bytes()
}
