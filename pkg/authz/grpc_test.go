package authz

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// TestOverGRPC asks many things at once over a connection: answers share their
// parts, which must not show.
func TestOverGRPC(t *testing.T) {
	p := bearer("default")
	p.Token.Forward = false
	p.ClaimHeaders = []verify.ClaimHeader{{Claim: "alice", Header: "x-sub"}}
	public := bearer("public")
	public.AllowMissing = true
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{p, public}}})

	dial := func(policy string, ours bool) authv3.AuthorizationClient {
		listener := bufconn.Listen(1 << 20)
		server := grpc.NewServer()
		if ours {
			server = grpc.NewServer(grpc.ForceServerCodecV2(Codec()))
			s.Listener(policy).Register(server)
		} else {
			authv3.RegisterAuthorizationServer(server, s.Listener(policy))
		}
		go server.Serve(listener)
		t.Cleanup(server.Stop)
		conn, err := grpc.NewClient("passthrough:///guard", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return authv3.NewAuthorizationClient(conn)
	}
	routed := []authv3.AuthorizationClient{dial("", true), dial("", false)}
	fixed := []authv3.AuthorizationClient{dial("public", true), dial("public", false)}
	large := func(size int) *authv3.CheckRequest {
		return raw("/", "x-large: "+strings.Repeat("x", size), "authorization: Bearer "+good)
	}

	for name, tc := range map[string]struct {
		clients []authv3.AuthorizationClient // with our codec and with the generated one
		req     *authv3.CheckRequest
		want    string
	}{
		"in several frames": {routed, large(100_000), "true 0 ok map[x-sub:alice] [authorization x_sub]"},

		"good token":       {routed, raw("/", "authorization: Bearer "+good, "x_sub: eve"), "true 0 ok map[x-sub:alice] [authorization x_sub]"},
		"bad token":        {routed, raw("/", "authorization: Bearer \xff"), "false 401 token_malformed"},
		"no token":         {routed, raw("/"), "false 401 token_missing"},
		"by the route":     {routed, route(raw("/"), map[string]string{"jwtguard.policy": "public"}), "true 0 missing_allowed map[] [x-sub x_sub]"},
		"by the listener":  {fixed, raw("/"), "true 0 missing_allowed map[] [x-sub x_sub]"},
		"nothing to check": {fixed, nil, "false 503 internal_error"},
	} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for i := range 40 {
				client := tc.clients[i%len(tc.clients)]
				all.Go(func() {
					resp, err := client.Check(t.Context(), tc.req)
					if err != nil {
						t.Error(err)
						return
					}
					a := read(t, resp)
					got := fmt.Sprint(a.passes, a.http, " ", a.reason())
					if a.passes {
						got += fmt.Sprint(" ", a.headers, " ", a.removed)
					}
					if got != tc.want {
						t.Errorf("%s, want %s", got, tc.want)
					}
				})
			}
			all.Wait()
		})
	}
}
