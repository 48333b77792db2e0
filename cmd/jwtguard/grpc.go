package main

import (
	"context"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/pkg/authz"
)

const (
	// keepaliveLeast is how often a client may ping. Envoy's connection_keepalive
	// is usually several seconds; grpc-go's own default of five minutes would
	// answer such pings by closing the connection.
	keepaliveLeast = 5 * time.Second
	// maxMessage bounds a request. What is larger gets a gRPC error, and that is a
	// pass where Envoy is told failure_mode_allow; so it is well above what Envoy
	// sends: 60 KiB of headers by its default, once or twice, and a body only with
	// with_request_body, whose max_request_bytes must stay below this. It is memory
	// for as long as a request is read, which is why it is not larger still.
	maxMessage = 16 << 20
	// maxStreams is how many checks a connection may have under way. Envoy has one
	// connection for each of its workers, and lets checks beyond this wait; with
	// fewer than the guard decides at once, a single worker could not use it, and
	// beyond them the guard would answer overloaded.
	maxStreams = authz.DefaultMaxInFlight
	// maxMetadata bounds the headers of a call. Envoy's initial_metadata can copy
	// headers of the request, 60 KiB by its default, and each is counted with 32
	// bytes more (RFC 9113, section 6.5.2). Beyond it the stream is an error, too.
	maxMetadata = 128 << 10
	// streamWorkers is how many goroutines are kept for checks. A new one for each
	// check has to grow its stack for the signature first, a tenth of all its
	// processor time; when all are busy, new ones start as before.
	streamWorkers = 64
	// readyTick is how soon grpc.health.v1 follows readiness.
	readyTick = 50 * time.Millisecond
)

// newGRPC makes the server of one ext_authz listener.
func (s *service) newGRPC(l config.GRPC) *grpc.Server {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(maxMetadata),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveLeast, PermitWithoutStream: true}),
	}
	if s.secure != nil && l.Address.Network != "unix" {
		options = append(options, grpc.Creds(credentials.NewTLS(s.secure.config())))
	}
	checks := s.guard.authz.Listener(l.Policy)
	var server *grpc.Server
	if s.options.generatedCodec {
		server = grpc.NewServer(options...)
		authv3.RegisterAuthorizationServer(server, checks)
	} else {
		server = grpc.NewServer(append(options, grpc.ForceServerCodecV2(authz.Codec()))...)
		checks.Register(server)
	}
	grpc_health_v1.RegisterHealthServer(server, s.health)
	return server
}

// followReadiness tells grpc.health.v1 when the guard is ready, and then has the
// listeners answer.
func (s *service) followReadiness(ctx context.Context, answer func()) {
	ticker := time.NewTicker(readyTick)
	defer ticker.Stop()
	for {
		if s.guard.readiness.Ready() {
			s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
			s.log.Info("ready")
			answer()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
