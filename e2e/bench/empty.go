package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// empty is an ext_authz server that allows everything without looking.
type empty struct {
	authv3.UnimplementedAuthorizationServer
}

func (empty) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return pass(), nil
}

func pass() *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status:       &status.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
	}
}

// sameOptions are those that the guard serves ext_authz with: what is measured
// against it must not differ in them.
func sameOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(16 << 20), grpc.MaxConcurrentStreams(128), grpc.MaxHeaderListSize(128 << 10),
		grpc.NumStreamWorkers(64),
		grpc.StaticStreamWindowSize(64 << 10), grpc.StaticConnWindowSize(1 << 20), grpc.ReadBufferSize(8 << 10),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
}

// sameMemory lets the heap grow to the 48 MiB that the guard's may always have
// before garbage is collected: at Go's default of 4 MiB the references would spend
// a quarter of their time on that, and the guard would look good beside them.
func sameMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(48 / 4 * 100)
	}
}

func serveEmpty(socket string) error {
	sameMemory()
	s := grpc.NewServer(sameOptions()...)
	authv3.RegisterAuthorizationServer(s, empty{})
	return serveUntilTold(socket, s)
}

// serveFloor is the empty server without the protobuf: what is left is grpc-go.
func serveFloor(socket string) error {
	answer, err := proto.Marshal(pass())
	if err != nil {
		return err
	}
	return serveAnswer(socket, answer)
}

// answerBeside is what a parrot on a socket answers to everything.
func answerBeside(socket string) string { return socket + ".answer" }

// serveParrot is the floor with an answer that was given elsewhere.
func serveParrot(socket string) error {
	answer, err := os.ReadFile(answerBeside(socket))
	if err != nil {
		return err
	}
	return serveAnswer(socket, answer)
}

func serveAnswer(socket string, answer []byte) error {
	sameMemory()
	s := grpc.NewServer(append(sameOptions(), grpc.ForceServerCodecV2(blind{answer}))...)
	authv3.RegisterAuthorizationServer(s, empty{})
	return serveUntilTold(socket, s)
}

// blind is a codec that reads nothing and always writes the same.
type blind struct{ answer []byte }

func (b blind) Marshal(any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(b.answer)}, nil
}
func (blind) Unmarshal(mem.BufferSlice, any) error { return nil }
func (blind) Name() string                         { return "proto" }
