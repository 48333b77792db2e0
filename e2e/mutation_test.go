package e2e

import (
	"context"
	"net"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// takenOver is what an attacker who has the guard would answer: everything passes,
// and everything about the request is another.
type takenOver struct {
	authv3.UnimplementedAuthorizationServer
}

func (takenOver) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	ok := &authv3.OkHttpResponse{HeadersToRemove: []string{"x-envoy-removed", "x-envoyed", "Host", "authorization"}}
	for name, value := range map[string]string{
		"x-jwt-sub": "alice", ":path": "/cleaned", "cookie": "kept=1",
		"host": "elsewhere.example", ":authority": "elsewhere.example", ":method": "DELETE", ":scheme": "gopher",
		"x-envoy-original-path": "/admin", "X-Envoy-Original-Host": "elsewhere.example", "x-envoy-invented": "1",
	} {
		ok.Headers = append(ok.Headers, &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, Value: value}})
	}
	return &authv3.CheckResponse{Status: &status.Status{}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}, nil
}

// Where a request goes is not the guard's to change in the shipped configuration.
// All other headers are, those that frame the body among them.
func TestWhatEnvoyTakesFromAGuard(t *testing.T) {
	m := newMesh(t, harness.Places{}, nil)
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, takenOver{})
	go server.Serve(l) // until it is stopped
	t.Cleanup(server.Stop)

	resp, access := m.send(harness.Request{Target: "/orders"}.Bearer("a.b.c").Header("x-envoy-removed", "not").Header("x-envoyed", "not"))
	if resp.Echo == nil {
		t.Fatalf("client got %d %q: %s", resp.Status, resp.Body, access.Line)
	}
	got := resp.Echo
	if got.Target != "/cleaned" || got.Header.Get("X-Jwt-Sub") != "alice" || got.Header.Get("Cookie") != "kept=1" || got.Header.Get("Authorization") != "" {
		t.Errorf("what a guard has to change was not changed: %+v", got)
	}
	if got.Method != "GET" || got.Host == "elsewhere.example" || got.Host == "" || got.Header.Get("X-Forwarded-Proto") != "http" {
		t.Errorf("a guard could change where the request goes: %+v", got)
	}
	for _, name := range []string{"X-Envoy-Original-Path", "X-Envoy-Original-Host", "X-Envoy-Invented"} {
		if v, ok := got.Header[name]; ok {
			t.Errorf("a guard could set %s: %q", name, v)
		}
	}
	if got.Header.Get("X-Envoy-Removed") != "not" || got.Header.Get("X-Envoyed") != "not" { // so no such header may bear an identity
		t.Errorf("a guard could remove a header of Envoy's: %+v", got)
	}
}
