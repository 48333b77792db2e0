package authz

import (
	"context"
	"encoding/binary"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

const (
	// MaxMessage bounds a check, in bytes. Envoy sends 60 KiB of headers by its
	// default, and a body with with_request_body alone, which the guard does not
	// look at. A larger check is answered with a deny, and not read.
	MaxMessage = 16 << 20
	// Window is how much of a check is taken before the guard gets to it. That is
	// all of it as Envoy sends checks by its defaults; each call may hold that much
	// memory.
	Window = 64 << 10
	// maxLarge is the memory of all checks together that are larger than Window, in
	// bytes: each is held in the frames that it came in, and once more as a whole.
	// Four of the largest at once; the next one gets a deny, and may be sent again.
	maxLarge = 4 * 2 * MaxMessage
	// prefixSize is the size of what precedes a message in gRPC: a byte that tells
	// whether it is compressed, and its length.
	prefixSize = 5
)

// messages is the stream of a call, as the transport of grpc-go has it. Its server
// would take any message up to the limit into memory, let a small one that is
// compressed grow to that limit, and answer what it does not take with an error,
// which is a pass where Envoy is told failure_mode_allow.
type messages interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
	WriteStatus(*status.Status) error
}

// evicted is what a call gets that made room for others before its check was there:
// an error, since nothing else ends the reading. It is no way to have Envoy pass a
// request: who holds the most places loses them, and Envoy's checks hold theirs for
// less than a millisecond.
var evicted = status.New(codes.Unavailable, "others came meanwhile, and the check was not there yet")

// receive reads the check of a call into x, and tells whether it is there. If not,
// x is answered, or there is an error for whoever does not wait for an answer.
func (s *Server) receive(ctx context.Context, x *exchange, decode func(any) error) (bool, error) {
	from, ok := grpc.ServerTransportStreamFromContext(ctx).(messages)
	if !ok {
		err := decode(x)
		return err == nil, err
	}
	if err := ctx.Err(); err != nil { // no work for a stream that was reset
		return false, status.FromContextError(err).Err()
	}
	x.reader.stop = from
	x.reader.from, _ = peer.FromContext(ctx)
	s.readers.enter(&x.reader)
	defer x.reader.leave()

	var prefix [prefixSize]byte
	if err := from.ReadMessageHeader(prefix[:]); err != nil {
		return s.unread(ctx, x)
	}
	size := int64(binary.BigEndian.Uint32(prefix[1:]))
	switch {
	case prefix[0] != 0:
		return s.shed(ctx, x, verify.InternalError, "the check is compressed, which Envoy does not do")
	case size > MaxMessage:
		return s.shed(ctx, x, verify.Overloaded, "the check is larger than the guard takes; Envoy's with_request_body must stay off, or below 16 MiB")
	case size > Window && !s.takeLarge(x, 2*size):
		return s.shed(ctx, x, verify.Overloaded, "more large checks at once than the guard has memory for; Envoy's with_request_body should stay off")
	}
	data, err := from.Read(int(size))
	if err != nil {
		return s.unread(ctx, x)
	}
	x.buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
	data.Free()
	return true, nil
}

// takeLarge takes memory for a large check, if there is so much left. It is given
// back with x.
func (s *Server) takeLarge(x *exchange, size int64) bool {
	if s.large.Add(size) > maxLarge {
		s.large.Add(-size)
		return false
	}
	x.large = size
	return true
}

func (s *Server) giveBack(x *exchange) {
	if x.large > 0 {
		s.large.Add(-x.large)
	}
}

// unread is the end of a check that did not come whole.
func (s *Server) unread(ctx context.Context, x *exchange) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, status.FromContextError(err).Err()
	}
	return s.shed(ctx, x, verify.InternalError, "the check is cut short")
}

// shed answers a check that was not looked at: under no policy.
func (s *Server) shed(ctx context.Context, x *exchange, r verify.Reason, detail string) (bool, error) {
	c := newCheck()
	x.answer[0] = mem.SliceBuffer(s.refuse(ctx, c, r, detail))
	c.done()
	return false, nil
}
