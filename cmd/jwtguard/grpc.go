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
)

const (
	// keepaliveLeast is how often a client may ping. Envoy's connection_keepalive
	// is usually several seconds; grpc-go's own default of five minutes would
	// answer such pings by closing the connection.
	keepaliveLeast = 5 * time.Second
	// readyTick is how soon grpc.health.v1 follows readiness.
	readyTick = 50 * time.Millisecond
)

// newGRPC makes the server of one ext_authz listener.
func (s *service) newGRPC(l config.GRPC) *grpc.Server {
	options := []grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveLeast, PermitWithoutStream: true}),
	}
	if s.secure != nil && l.Address.Network != "unix" {
		options = append(options, grpc.Creds(credentials.NewTLS(s.secure.config())))
	}
	server := grpc.NewServer(options...)
	authv3.RegisterAuthorizationServer(server, s.guard.authz.Listener(l.Policy))
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
