package main

import (
	"context"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/metadata"
)

// A gRPC error is a pass under failure_mode_allow, so what Envoy can send by its
// defaults, and a body besides, gets a decision.
func TestLargeRequestsGetADecision(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-copied", strings.Repeat("a", 60<<10))
	r := request("x.y.z")
	r.Attributes.Request.Http.Body = strings.Repeat("a", 15<<20)
	answer, err := authv3.NewAuthorizationClient(g.envoy()).Check(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if reason := answer.GetDynamicMetadata().GetFields()["reason"].GetStringValue(); reason != "token_malformed" {
		t.Errorf("reason %s", reason)
	}
}
