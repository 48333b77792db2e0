package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

const (
	// connections is one for each Envoy worker of a machine with two cores.
	connections = 2
	// inFlight keeps both cores busy, and is far below every limit of the guard.
	inFlight = 64
)

// server is a process that is measured from outside.
type server struct {
	process *harness.Process
	conns   []*grpc.ClientConn
}

// dial connects to a server's unix socket.
func (s *server) dial(socket string) error {
	for range connections {
		conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		s.conns = append(s.conns, conn)
	}
	return nil
}

// hangUp closes the connections.
func (s *server) hangUp() error {
	var errs []error
	for _, c := range s.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func (s *server) stop() error { return errors.Join(s.hangUp(), s.process.Stop()) }

// measurement is one candidate in one round.
type measurement struct {
	perSecond float64
	cpu       time.Duration // of the server, per check
}

// load sends requests, in turn and as fast as they are answered, and measures the
// server. Every answer must be an allow.
func (s *server) load(ctx context.Context, length time.Duration, requests []*authv3.CheckRequest) (measurement, error) {
	ctx, cancel := context.WithTimeout(ctx, length+10*time.Second)
	defer cancel()
	var (
		next, done atomic.Int64
		over       atomic.Bool
		workers    sync.WaitGroup
		failure    atomic.Pointer[error]
	)
	before, err := cpuOf(s.process.PID())
	if err != nil {
		return measurement{}, err
	}
	start := time.Now()
	for i := range inFlight {
		client := authv3.NewAuthorizationClient(s.conns[i%connections])
		workers.Go(func() {
			for !over.Load() {
				request := requests[int(next.Add(1))%len(requests)]
				answer, err := client.Check(ctx, request)
				if err == nil && answer.GetStatus().GetCode() != int32(codes.OK) {
					err = fmt.Errorf("denied: %v", answer.GetDynamicMetadata())
				}
				if err != nil {
					failure.CompareAndSwap(nil, &err)
					over.Store(true)
					return
				}
				done.Add(1)
			}
		})
	}
	timer := time.AfterFunc(length, func() { over.Store(true) })
	workers.Wait()
	timer.Stop()
	took := time.Since(start)
	after, err := cpuOf(s.process.PID())
	if f := failure.Load(); f != nil {
		err = *f
	}
	if err != nil {
		return measurement{}, err
	}
	n := done.Load()
	return measurement{perSecond: float64(n) / took.Seconds(), cpu: (after - before) / time.Duration(n)}, nil
}

// newRequest is what Envoy sends for a usual request of about 1 KB with a token.
func newRequest(token string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: peer("10.1.2.3", 41234), Destination: peer("10.1.2.4", 8443),
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "1234567890123456789", Method: "GET", Path: "/api/v1/orders/4711?expand=items", Host: "orders.example.com", Scheme: "https", Protocol: "HTTP/2", Size: -1,
			Headers: map[string]string{
				":authority": "orders.example.com", ":method": "GET", ":path": "/api/v1/orders/4711?expand=items", ":scheme": "https",
				"accept": "application/json", "accept-encoding": "gzip, deflate, br", "user-agent": "orders-client/1.42 (linux)",
				"x-request-id": "6f1d2c3b-4a59-4687-9786-a5b4c3d2e1f0", "x-forwarded-for": "10.1.2.3", "x-forwarded-proto": "https",
				"authorization": "Bearer " + token,
			},
		}},
	}}
}

// size is a request's length on the wire.
func size(r *authv3.CheckRequest) int { return proto.Size(r) }
