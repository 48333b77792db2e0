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

// incoming is a CheckRequest, and what holds its bytes.
type incoming struct {
	buffer mem.Buffer
	wire
}

// Unmarshal has the bytes of a check kept until it is answered.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if in, ok := v.(*incoming); ok {
		in.buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// Marshal gives an answer as it is.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if a, ok := v.(encoded); ok {
		return mem.BufferSlice{mem.SliceBuffer(a)}, nil
	}
	return c.CodecV2.Marshal(v)
}
