package authz

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// heard is an observer that writes down what it hears.
type heard struct {
	decisions []verify.Decision
	ids       []string
	elapsed   []time.Duration
	panics    bool
}

func (h *heard) Observe(_ context.Context, d *verify.Decision, elapsed time.Duration, id string) {
	h.decisions, h.ids, h.elapsed = append(h.decisions, *d), append(h.ids, id), append(h.elapsed, elapsed)
	if h.panics {
		panic("observer")
	}
}

func (h *heard) reasons() string {
	var all []string
	for _, d := range h.decisions {
		all = append(all, string(d.Reason))
	}
	return strings.Join(all, " ")
}

func TestConfigThatCannotWork(t *testing.T) {
	f := &fake{policies: []*verify.Policy{bearer("default")}}
	for want, cfg := range map[string]Config{
		"now: is missing":     {Decider: f},
		"decider: is missing": {Now: instant},
		"in flight: -1 is negative; give at least 1, or 0 for the default of 4096": {Decider: f, Now: instant, InFlight: -1},
	} {
		if _, err := New(cfg); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestThePolicyOfARequest(t *testing.T) {
	shadow := bearer("shadow")
	shadow.Shadow = true
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{bearer("default"), bearer("payments"), shadow}}})
	type ext = map[string]string
	for _, tc := range []struct {
		listener   string
		extensions ext
		want       string // empty: policy_unknown
	}{
		{"", nil, "default"},
		{"", ext{"jwtguard.policy": "payments"}, "payments"},
		{"", ext{"jwtguard.policy": "default", "other.policy": "x"}, "default"},
		{"payments", nil, "payments"},
		{"payments", ext{"jwtguard.policy": "shadow"}, "payments"}, // the listener's is stronger than the route's
		{"payments", ext{"jwtguard.policy": "nobody"}, "payments"},
		{"", ext{"jwtguard.policy": ""}, ""},
		{"", ext{"jwtguard.policy": "Payments"}, ""},
		{"", ext{"jwtguard.policy": "nobody"}, ""},
		{"", ext{"jwtguard.policy": "shadow", "jwtguard.polcy": "payments"}, ""},
		{"", ext{"jwtguard.": ""}, ""},
		{"", ext{"JWTGuard.policy": "payments"}, ""},
		{"nobody", nil, ""},
		{"nobody", ext{"jwtguard.policy": "payments"}, ""},
		{"payments", ext{"jwtguard.mode": "shadow"}, ""},
	} {
		resp, _ := s.Listener(tc.listener).Check(t.Context(), route(raw("/", "authorization: Bearer "+good), tc.extensions))
		got := read(t, resp)
		if tc.want == "" {
			if got.reason() != "policy_unknown" || got.http != 403 || got.meta["policy"] != "" {
				t.Errorf("%+v: %+v", tc, got)
			}
		} else if !got.passes || got.meta["policy"] != tc.want {
			t.Errorf("%+v: %+v", tc, got)
		}
	}
}

func TestChecksThatNoEnvoySendsAreDenied(t *testing.T) {
	p := bearer("")
	p.AllowMissing = true
	for name, req := range map[string]*authv3.CheckRequest{
		"nil":           nil,
		"no attributes": {},
		"no request":    {Attributes: &authv3.AttributeContext{}},
		"no http":       {Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}},
	} {
		if got := ask(t, p, req); got.passes || got.http != 503 || got.reason() != "internal_error" || got.meta["policy"] != "default" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	headers := map[string]string{}
	for i := range maxHeaders + 1 {
		headers[strings.Repeat("x", i)] = ""
	}
	for name, req := range map[string]*authv3.CheckRequest{
		"joined": joined("/", headers),
		"raw":    raw("/", make([]string, maxHeaders+1)...),
	} {
		if got := ask(t, p, req); got.passes || got.reason() != "overloaded" {
			t.Errorf("too many headers, %s: %+v", name, got)
		}
	}
	if got := ask(t, p, of(&authv3.AttributeContext_HttpRequest{})); got.reason() != "missing_allowed" {
		t.Errorf("an empty request: %+v", got)
	}
}

func TestSwapPutsNewPoliciesIntoForce(t *testing.T) {
	strict, lax := bearer("default"), bearer("default")
	lax.AllowMissing = true
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{strict}}})
	if got := askServer(t, s, raw("/")); got.passes {
		t.Error("passes before the swap")
	}
	if err := s.Swap(&fake{policies: []*verify.Policy{lax}}); err != nil {
		t.Fatal(err)
	}
	if got := askServer(t, s, raw("/")); !got.passes {
		t.Error("denied after the swap")
	}
}

// Who looks for the misspelt name finds it in the log: it is Envoy's configuration
// that holds it. It is not for the client.
func TestUnknownPolicyIsNamedToTheObserverAlone(t *testing.T) {
	var h heard
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{bearer("default")}}, Observer: &h})
	for _, tc := range []struct{ listener, route, want string }{
		{"", "paymnets", "paymnets"},
		{"", "a\r\n\x1b", "a???"},
		{"", strings.Repeat("x", 1000), strings.Repeat("x", 64)},
		{"nobody", "default", "nobody"},
	} {
		resp, _ := s.Listener(tc.listener).Check(t.Context(), route(raw("/"), map[string]string{"jwtguard.policy": tc.route}))
		if got := h.decisions[len(h.decisions)-1].Asked; got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
		if strings.Contains(resp.String(), tc.want) {
			t.Errorf("%+v: the answer holds it: %s", tc, resp)
		}
	}
	askServer(t, s, route(raw("/"), map[string]string{"jwtguard.policy": "default", "jwtguard.polcy": "x"}))
	if got := h.decisions[len(h.decisions)-1]; got.Reason != verify.PolicyUnknown || got.Asked != "" {
		t.Errorf("another mistake: %s, %q", got.Reason, got.Asked)
	}
}

func TestEachDecisionIsObservedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h heard
		f := &fake{policies: []*verify.Policy{bearer("default")}}
		f.decide = func(p *verify.Policy, _ string, _ verify.Instant) verify.Decision {
			time.Sleep(3 * time.Millisecond)
			return accepted(p)
		}
		s := newServer(t, Config{Decider: f, Observer: &h})
		askServer(t, s, raw("/", "authorization: Bearer x", "X-Request-Id: id-1"))
		askServer(t, s, joined("/", map[string]string{"x-request-id": "a\r\n\xff" + strings.Repeat("x", 1000)}))
		askServer(t, s, route(raw("/", "x-request-id: 3"), map[string]string{"jwtguard.policy": "?"}))
		askServer(t, s, nil)
		if got, want := h.reasons(), "ok token_missing policy_unknown internal_error"; got != want {
			t.Errorf("observed %s, want %s", got, want)
		}
		if diff := cmp.Diff([]string{"id-1", "a???" + strings.Repeat("x", 124)[:124], "3", ""}, h.ids); diff != "" {
			t.Errorf("request ids (-want +got):\n%s", diff)
		}
		if h.elapsed[0] != 3*time.Millisecond {
			t.Errorf("elapsed %v", h.elapsed[0])
		}
	})
}

func TestPanicsAreDeniedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h heard
		var reports []any
		f := &fake{policies: []*verify.Policy{bearer("default")}}
		f.decide = func(*verify.Policy, string, verify.Instant) verify.Decision { panic("decider") }
		s := newServer(t, Config{Decider: f, Observer: &h, InFlight: 1, OnPanic: func(v any, stack []byte) {
			if !strings.Contains(string(stack), "TestPanicsAreDeniedAndReported") {
				t.Errorf("the stack does not lead to the panic:\n%s", stack)
			}
			reports = append(reports, v)
			panic("reporter")
		}})
		req := raw("/", "authorization: Bearer x", "x-request-id: 7")
		for range 3 { // in flight is counted down each time
			got := askServer(t, s, req)
			if got.passes || got.http != 503 || got.reason() != "internal_error" || got.meta["decision"] != "deny" || got.meta["policy"] != "default" {
				t.Errorf("%+v", got)
			}
		}
		if h.reasons() != "internal_error internal_error internal_error" || h.ids[0] != "7" {
			t.Errorf("observed %s of %v", h.reasons(), h.ids)
		}
		time.Sleep(panicInterval)
		f.decide = func(p *verify.Policy, _ string, _ verify.Instant) verify.Decision { return accepted(p) }
		h.panics = true
		if got := askServer(t, s, req); !got.passes {
			t.Errorf("the observer's panic changed the answer: %+v", got)
		}
		if diff := cmp.Diff([]any{"decider", "observer"}, reports); diff != "" {
			t.Errorf("reports, one a second (-want +got):\n%s", diff)
		}
	})
}

func TestPanicUnderShadowPasses(t *testing.T) {
	p := bearer("default")
	p.Shadow, p.Token.Forward = true, false
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{p}, decide: func(*verify.Policy, string, verify.Instant) verify.Decision { panic("decider") }}})
	got := askServer(t, s, raw("/", "authorization: Bearer x"))
	if !got.passes || got.meta["decision"] != "shadow_deny" || got.reason() != "internal_error" || len(got.removed) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestPanicWhileAnswering: if even the second answer cannot be made, the constant
// one goes out.
func TestPanicWhileAnswering(t *testing.T) {
	var h heard
	p := bearer("default")
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{p}}, Observer: &h})
	s.current.Load().plans["default"].denials = nil
	got := askServer(t, s, raw("/", "authorization: Bearer x"))
	if got.passes || got.http != 503 || got.reason() != "internal_error" || got.meta["decision"] != "deny" || h.reasons() != "internal_error" {
		t.Errorf("%+v, observed %s", got, h.reasons())
	}
}

func TestTooManyChecksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		strict, shadow := bearer("default"), bearer("shadow")
		shadow.Shadow, shadow.Token.Forward = true, false
		f := &fake{policies: []*verify.Policy{strict, shadow}}
		f.decide = func(p *verify.Policy, _ string, _ verify.Instant) verify.Decision {
			<-release
			return accepted(p)
		}
		s := newServer(t, Config{Decider: f, InFlight: 2})
		req := raw("/", "authorization: Bearer x")
		done := make(chan answer)
		for range 2 {
			go func() { done <- askServer(t, s, req) }()
		}
		synctest.Wait()
		if got := askServer(t, s, req); got.passes || got.http != 503 || got.reason() != "overloaded" || got.headers["retry-after"] != "1" {
			t.Errorf("the third: %+v", got)
		}
		third := route(raw("/", "authorization: Bearer x"), map[string]string{"jwtguard.policy": "shadow"})
		if got := askServer(t, s, third); !got.passes || got.reason() != "overloaded" || !slices.Contains(got.removed, "authorization") {
			t.Errorf("the third, in shadow mode: %+v", got)
		}
		close(release)
		for range 2 {
			if got := <-done; !got.passes {
				t.Errorf("one of the first two: %+v", got)
			}
		}
		if got := askServer(t, s, req); !got.passes {
			t.Errorf("afterwards: %+v", got)
		}
	})
}
