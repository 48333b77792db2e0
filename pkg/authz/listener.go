package authz

import (
	"context"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// Listener is the authorization service of one listener.
type Listener struct {
	authv3.UnimplementedAuthorizationServer
	server *Server
	policy string
}

// Listener is the service for one listener. Its policy, if it is not empty, is
// that of all requests; else the route chooses.
func (s *Server) Listener(policy string) *Listener {
	return &Listener{server: s, policy: policy}
}

// Register registers the service with a gRPC server that was made with [Codec].
// One with any other codec takes [authv3.RegisterAuthorizationServer].
func (l *Listener) Register(r grpc.ServiceRegistrar) { r.RegisterService(&description, l) }

// description is that of the generated code, but for the handler.
var description = grpc.ServiceDesc{
	ServiceName: authv3.Authorization_ServiceDesc.ServiceName,
	HandlerType: (*authv3.AuthorizationServer)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Check", Handler: handle}},
	Metadata:    authv3.Authorization_ServiceDesc.Metadata,
}

// handle is a [grpc.MethodHandler].
func handle(l any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	x, server := new(exchange), l.(*Listener).server
	defer server.giveBack(x)
	switch whole, err := server.receive(ctx, x, decode); {
	case err != nil:
		return nil, err
	case !whole:
		return x, nil
	case intercept == nil:
		return l.(*Listener).answer(ctx, x), nil
	}
	return intercept(ctx, x, &grpc.UnaryServerInfo{Server: l, FullMethod: authv3.Authorization_Check_FullMethodName}, func(ctx context.Context, x any) (any, error) {
		return l.(*Listener).answer(ctx, x.(*exchange)), nil
	})
}

func (l *Listener) answer(ctx context.Context, x *exchange) *exchange {
	c := newCheck()
	c.wire.data = x.buffer.ReadOnlyData()
	x.answer[0] = mem.SliceBuffer(l.server.check(ctx, c, &c.wire, l.policy))
	c.done()
	x.buffer.Free()
	return x
}

// Check answers one request. The error is always nil.
func (l *Listener) Check(ctx context.Context, req *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	out := new(authv3.CheckResponse)
	c := newCheck()
	defer c.done()
	if proto.Unmarshal(l.server.check(ctx, c, generated{req}, l.policy), out) != nil {
		return out, proto.Unmarshal(lastResort, out)
	}
	return out, nil
}
