package authz

import (
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// BenchmarkCheck is what a check costs without the decision, from bytes to bytes: a
// request of a usual size with a token of 1 KB, two claim headers.
func BenchmarkCheck(b *testing.B) {
	token := strings.Repeat("x", 1024)
	p := bearer("default")
	p.ClaimHeaders = []verify.ClaimHeader{{Claim: "alice", Header: "x-jwt-sub"}, {Claim: "acme", Header: "x-jwt-tenant"}}
	allow := accepted(p)
	deny := verify.Refuse(p, verify.TokenExpired, "")
	s := newServer(b, Config{Decider: &fake{policies: []*verify.Policy{p}, decide: func(_ *verify.Policy, t string, _ verify.Instant) verify.Decision {
		if t == token {
			return allow
		}
		return deny
	}}})
	lines := []string{":authority: api.example.com", ":method: GET", ":path: /v1/orders?a=1", ":scheme: https", "accept: */*",
		"accept-encoding: gzip", "user-agent: bench", "x-forwarded-proto: https", "x-request-id: 7d7f1c5e-0b51-4b7e-9f6c-2c1f7f1d2f3a"}
	headers := map[string]string{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		headers[name] = value
	}
	headers["authorization"] = "Bearer " + token
	for _, bc := range []struct {
		name string
		req  *authv3.CheckRequest
	}{
		{"allow/headers", joined("/v1/orders?a=1", headers)},
		{"allow/header_map", raw("/v1/orders?a=1", append(lines, "authorization: Bearer "+token)...)},
		{"deny/header_map", raw("/v1/orders?a=1", append(lines, "authorization: Bearer x")...)},
	} {
		data, err := proto.Marshal(bc.req)
		if err != nil {
			b.Fatal(err)
		}
		listener := s.Listener("")
		b.Run(bc.name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				listener.answer(b.Context(), &exchange{buffer: mem.SliceBuffer(data)})
			}
		})
		b.Run(bc.name+"/generated", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := new(authv3.CheckRequest)
				proto.Unmarshal(data, req)
				resp, _ := listener.Check(b.Context(), req)
				proto.Marshal(resp)
			}
		})
	}
}
