package main

import (
	"context"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// A gRPC error is a pass under failure_mode_allow, so what Envoy can send by its
// defaults, and a body besides, gets a decision, by either codec; and so does the
// health service of the same server.
func TestEitherCodecAnswers(t *testing.T) {
	for name, generated := range map[string]bool{"ours": false, "generated": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.with.generatedCodec = generated
			g := w.startReady(w.usual())
			conn := g.envoy()
			ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
			defer cancel()
			large := request("x.y.z")
			large.Attributes.Request.Http.Body = strings.Repeat("a", 15<<20)
			for reason, r := range map[string]*authv3.CheckRequest{"token_malformed": large, "ok": request(w.token())} {
				copied := metadata.AppendToOutgoingContext(ctx, "x-copied", strings.Repeat("a", 60<<10))
				answer, err := authv3.NewAuthorizationClient(conn).Check(copied, r)
				if err != nil {
					t.Fatal(err)
				}
				if got := answer.GetDynamicMetadata().GetFields()["reason"].GetStringValue(); got != reason {
					t.Errorf("reason %s, want %s", got, reason)
				}
			}
			health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, new(grpc_health_v1.HealthCheckRequest))
			if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
				t.Errorf("health %v, %v", health, err)
			}
		})
	}
}
