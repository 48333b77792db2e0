package authz

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// good is the one token that the fake decider accepts.
const good = "aaaa.bbbb.cccc"

var corp = &verify.Issuer{Name: "corp", ID: "https://issuer.example.com"}

// fake is a decider that accepts the token good and calls any other malformed,
// unless it is told what to decide.
type fake struct {
	policies []*verify.Policy
	decide   func(p *verify.Policy, token string, now verify.Instant) verify.Decision
}

func (f *fake) Policies() []*verify.Policy { return f.policies }

func (f *fake) DecideBytes(p *verify.Policy, bytes []byte, now verify.Instant, _ []verify.HeaderValue) verify.Decision {
	switch token := string(bytes); {
	case f.decide != nil:
		return f.decide(p, token, now)
	case token == good:
		return accepted(p)
	}
	return verify.Refuse(p, verify.TokenMalformed, "")
}

// made allocates what a pointer points to, for types whose names are not ours.
func made[T any](p **T) *T {
	*p = new(T)
	return *p
}

// accepted is what a good token gets: each claim header set to its claim's name.
func accepted(p *verify.Policy) verify.Decision {
	d := verify.Decision{Verdict: verify.Allow, Reason: verify.OK, Policy: p, Issuer: corp, Kid: "k1", Alg: "ES256", State: 2}
	made(&d.Key).Thumbprint = "tp-1"
	for _, c := range p.ClaimHeaders {
		d.Headers = append(d.Headers, verify.HeaderValue{Name: c.Header, Value: c.Claim})
	}
	if p.PayloadHeader != "" {
		d.Headers = append(d.Headers, verify.HeaderValue{Name: p.PayloadHeader, Value: "e30"})
	}
	return d
}

func instant() verify.Instant {
	now := time.Now()
	return verify.Instant{Wall: now, Life: now}
}

// bearer is a policy as most are: the token in authorization, and forwarded.
func bearer(name string) *verify.Policy {
	return &verify.Policy{Name: name, Token: verify.TokenSource{Header: "authorization", Forward: true}}
}

func newServer(t testing.TB, cfg Config) *Server {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = instant
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends one request to a server with one policy, which is the default, by
// either codec: the answers must be the same.
func ask(t testing.TB, p *verify.Policy, req *authv3.CheckRequest) answer {
	t.Helper()
	p.Name = verify.DefaultPolicy
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{p}}})
	a := askServer(t, s, req)
	data, err := proto.Marshal(req)
	if err != nil {
		return a // the path has bytes that no message can have
	}
	if d := cmp.Diff(a, askWire(t, s.Listener(""), data), cmp.AllowUnexported(answer{})); d != "" {
		t.Errorf("the codecs disagree (-generated +ours):\n%s", d)
	}
	return a
}

// askWire sends a request as it goes over the wire.
func askWire(t testing.TB, l *Listener, data []byte) answer {
	t.Helper()
	resp := new(authv3.CheckResponse)
	if err := proto.Unmarshal(l.answer(context.Background(), &exchange{buffer: mem.SliceBuffer(data)}).answer[0].ReadOnlyData(), resp); err != nil {
		t.Errorf("the answer cannot be decoded: %v", err)
	}
	return read(t, resp)
}

func askServer(t testing.TB, s *Server, req *authv3.CheckRequest) answer {
	t.Helper()
	resp, err := s.Listener("").Check(context.Background(), req)
	if err != nil {
		t.Errorf("gRPC error: %v", err)
	}
	return read(t, resp)
}

// answer is what Envoy makes of a CheckResponse.
type answer struct {
	passes  bool
	code    int32
	http    int32
	headers map[string]string // set upstream, or sent to the client
	removed []string          // sorted
	body    string
	meta    map[string]string
}

func (a answer) reason() string { return a.meta["reason"] }

func read(t testing.TB, resp *authv3.CheckResponse) answer {
	t.Helper()
	if _, err := proto.Marshal(resp); err != nil {
		t.Errorf("the answer cannot be encoded: %v", err)
	}
	a := answer{code: resp.GetStatus().GetCode(), headers: map[string]string{}, meta: map[string]string{}}
	a.passes = a.code == 0 && resp.GetStatus() != nil
	headers := resp.GetOkResponse().GetHeaders()
	if denied := resp.GetDeniedResponse(); denied != nil {
		a.http, a.body, headers = int32(denied.GetStatus().GetCode()), denied.GetBody(), denied.GetHeaders()
	}
	for _, h := range headers {
		name := h.GetHeader().GetKey()
		//lint:ignore SA1019 Envoy 1.40 goes by append
		if h.GetAppend() != nil || h.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%s is not overwritten", name)
		}
		if _, twice := a.headers[name]; twice {
			t.Errorf("%s is set twice", name)
		}
		a.headers[name] = h.GetHeader().GetValue()
	}
	a.removed = slices.Sorted(slices.Values(resp.GetOkResponse().GetHeadersToRemove()))
	for name := range a.headers {
		if slices.Contains(a.removed, name) {
			t.Errorf("%s is both set and removed, which Envoy takes for removed", name)
		}
	}
	for name, v := range resp.GetDynamicMetadata().GetFields() {
		a.meta[name] = v.GetStringValue()
	}
	return a
}

// joined is a request as Envoy sends it by default: one value for each name.
func joined(path string, headers map[string]string) *authv3.CheckRequest {
	return of(&authv3.AttributeContext_HttpRequest{Path: path, Headers: headers})
}

// raw is a request as Envoy sends it with encode_raw_headers; lines are "name: value".
func raw(path string, lines ...string) *authv3.CheckRequest {
	m := new(corev3.HeaderMap)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	return of(&authv3.AttributeContext_HttpRequest{Path: path, HeaderMap: m})
}

func of(http *authv3.AttributeContext_HttpRequest) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: http},
	}}
}

// route sets the context extensions of a request.
func route(req *authv3.CheckRequest, extensions map[string]string) *authv3.CheckRequest {
	req.Attributes.ContextExtensions = extensions
	return req
}
