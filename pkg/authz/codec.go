package authz

import (
	"google.golang.org/grpc/encoding"
	standard "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Codec is what a gRPC server encodes with that has services of [Listener.Register]:
// checks are left as they came, to be read by the service itself, and its answers
// are encoded already. All other messages, such as those of grpc.health.v1, are left
// to the standard codec. It goes with [grpc.ForceServerCodecV2].
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2(standard.Name)} }

type codec struct{ encoding.CodecV2 }

// exchange is a check as it came, and then its answer.
type exchange struct {
	buffer mem.Buffer // holds the bytes of the request
	large  int64      // of [Server.large]
	reader reader
	answer [1]mem.Buffer
}

// Unmarshal has the bytes of a check kept until it is answered.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if x, ok := v.(*exchange); ok {
		x.buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// Marshal gives an answer as it is.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if x, ok := v.(*exchange); ok {
		return x.answer[:], nil
	}
	return c.CodecV2.Marshal(v)
}
