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
	// helloTimeout is how long TLS and the first frames of a connection may take.
	// Grpc-go allows two minutes; 3 s allow for a packet that is lost twice.
	helloTimeout = 3 * time.Second
	// pingAfter is when a client of which nothing was heard is pinged, and
	// pingTimeout how long it may take to answer: a host that vanished does not keep
	// its connections. Envoy answers pings.
	pingAfter, pingTimeout = time.Minute, 20 * time.Second
	// connWindow is how much of a connection is sent ahead, for all its checks
	// together. It costs no memory by itself; see authz.Window for what does.
	connWindow = 1 << 20
	// maxMessage bounds what is sent to grpc.health.v1: the name of a service.
	maxMessage = 4 << 10
	// maxStreams is how many checks a connection may have under way: more than may
	// wait for keys at once, which would keep all others of the connection waiting,
	// and few enough that a flood over some connections is done within Envoy's
	// deadline. Where Envoy needs more it makes another connection.
	maxStreams = 128
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
		grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(maxMetadata),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.StaticStreamWindowSize(authz.Window), grpc.StaticConnWindowSize(connWindow), grpc.ReadBufferSize(readSize),
		grpc.ConnectionTimeout(helloTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveLeast, PermitWithoutStream: true}),
	}
	if s.secure != nil && l.Address.Network != "unix" {
		options = append(options, grpc.Creds(credentials.NewTLS(s.secure.config())))
	}
	checks := s.guard.authz.Listener(l.Policy)
	var server *grpc.Server
	if s.options.generatedCodec {
		server = grpc.NewServer(append(options, grpc.MaxRecvMsgSize(authz.MaxMessage))...)
		authv3.RegisterAuthorizationServer(server, checks)
	} else {
		// Of other services' messages; checks are read by authz.
		server = grpc.NewServer(append(options, grpc.MaxRecvMsgSize(maxMessage), grpc.ForceServerCodecV2(authz.Codec()))...)
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
