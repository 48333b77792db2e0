package authz

import (
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// FuzzCheck gives the server any bytes, and what the protobuf decoder takes also by
// the generated code.
func FuzzCheck(f *testing.F) {
	for _, req := range []*authv3.CheckRequest{
		{},
		raw("/?t="+good+"&a", "authorization: Basic x", "X_sub: forged", "x-jwt: forged"),
		raw("/?t;t=x&%74=y#", ":path: /?a;t=\xff", "cookie: s=1,s=2; a=\xff", "cookie: s", "x-request-id: 1"),
		raw("/", "authorization: Bearer "+good, "x-sub: forged", "x_sub: forged", "X-Sub: forged"),
		joined("/?t="+good, map[string]string{"cookie": "s=" + good + ", b", "authorization": "Bearer a,Bearer b"}),
		joined("/", map[string]string{"cookie": `a=1; s="` + good + `"`, "x-request-id": "é"}),
		route(raw("/?t=x&t", "x-token: x", "x_jwt: forged"), map[string]string{"jwtguard.policy": "shadow"}),
		route(joined("/", nil), map[string]string{"jwtguard.policy": "other", "x": "y"}),
		route(joined("/", nil), map[string]string{"jwtguard.x": ""}),
	} {
		data, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		for n := range byte(4) {
			f.Add(data, n)
		}
	}

	source := verify.TokenSource{Header: "authorization", Query: "t", Cookie: "s"}
	policies := []*verify.Policy{
		{Name: "default", Token: source, ClaimHeaders: []verify.ClaimHeader{{Claim: "alice", Header: "x-sub"}}},
		{Name: "shadow", Token: source, Shadow: true, PayloadHeader: "x-jwt"},
		{Name: "missing", Token: source, AllowMissing: true, Realm: "\xff\n"},
	}
	policies[1].Token.Header = "x-token"
	var h heard
	s := newServer(f, Config{Decider: &fake{policies: policies}, Observer: &h, OnPanic: func(v any, stack []byte) {
		f.Errorf("panic: %v\n%s", v, stack)
	}})

	f.Fuzz(func(t *testing.T, data []byte, n byte) {
		listener := s.Listener([]string{"", "default", "shadow", "missing"}[n%4])
		h = heard{}
		ours := askWire(t, listener, data)
		if len(h.decisions) != 1 {
			t.Errorf("observed %s", h.reasons())
		}
		req := new(authv3.CheckRequest)
		if proto.Unmarshal(data, req) != nil {
			return
		}
		h = heard{}
		resp, err := listener.Check(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.decisions) != 1 {
			t.Errorf("observed %s", h.reasons())
		}
		got := read(t, resp)
		if ours.passes != got.passes || ours.http != got.http || ours.reason() != got.reason() {
			t.Errorf("%t %d %s by our codec, %t %d %s by the generated one", ours.passes, ours.http, ours.reason(), got.passes, got.http, got.reason())
		}
		if len(got.meta) != len(about) || got.meta["reason"] == "" {
			t.Errorf("metadata %v", got.meta)
		}
		if got.passes == (got.meta["decision"] == "deny") {
			t.Errorf("passes %t, but says %s", got.passes, got.meta["decision"])
		}
		for name, value := range got.headers {
			if !isWritable(value) || name != ":path" && !isHeaderName(name) {
				t.Errorf("sets %q to %q", name, value)
			}
		}
		if !got.passes {
			if got.code == 0 || got.http < 400 || resp.GetOkResponse() != nil {
				t.Errorf("a deny that Envoy takes for something else: %v", resp)
			}
			return
		}
		if resp.GetOkResponse() == nil {
			t.Errorf("passes without an OK response: %v", resp)
		}

		upstream := mutated(req, got)
		for name, value := range upstream.GetAttributes().GetRequest().GetHttp().GetHeaders() {
			switch strings.ReplaceAll(strings.ToLower(name), "_", "-") {
			case "x-sub", "x-jwt":
				if got.headers[name] != value || got.reason() != "ok" {
					t.Errorf("%s: %s gets through", name, value)
				}
			}
		}
		// Once the token is out, none is left.
		if upstream != nil && got.reason() != "overloaded" && got.reason() != "internal_error" {
			again, _ := listener.Check(t.Context(), upstream)
			if left := read(t, again); left.reason() != "token_missing" && left.reason() != "missing_allowed" {
				t.Errorf("after %s a credential is left: %s in %v", got.reason(), left.reason(), upstream)
			}
		}
	})
}

// mutated is the request after the mutations of an answer, as Envoy makes them.
func mutated(req *authv3.CheckRequest, a answer) *authv3.CheckRequest {
	http := req.GetAttributes().GetRequest().GetHttp()
	if http == nil {
		return nil
	}
	gone := func(name string) bool {
		_, set := a.headers[strings.ToLower(name)]
		return set || slices.Contains(a.removed, strings.ToLower(name))
	}
	out := &authv3.AttributeContext_HttpRequest{Path: http.GetPath(), Headers: map[string]string{}, HeaderMap: new(corev3.HeaderMap)}
	for name, value := range http.GetHeaders() {
		if !gone(name) {
			out.Headers[name] = value
		}
	}
	for _, h := range http.GetHeaderMap().GetHeaders() {
		if !gone(h.GetKey()) {
			out.HeaderMap.Headers = append(out.HeaderMap.Headers, h)
		}
	}
	for name, value := range a.headers {
		if name == ":path" {
			out.Path = value
		} else {
			out.Headers[name] = value
		}
	}
	return route(of(out), req.GetAttributes().GetContextExtensions())
}
