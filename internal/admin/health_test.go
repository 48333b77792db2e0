package admin

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Liveness depends on nothing: not on readiness, and not while draining.
func TestHealthz(t *testing.T) {
	r := NewReadiness(func() []Issuer { panic("asked for the issuers") })
	r.Drain()
	if got := ask(t, Probes(r, http.NotFoundHandler()), "GET", "/healthz", 200, text); got != "ok\n" {
		t.Error(got)
	}
}

// What /readyz says in each state, and whether it is green.
func TestReadyz(t *testing.T) {
	when := noon.Add(-time.Minute)
	good := Issuer{Issuer: "good", Usable: true, UsableOnce: true, LastSuccess: &when}
	isGood := object{"issuer": "good", "usable": true, "usable_once": true, "optional": false, "last_success": "2026-08-01T11:59:00Z"}
	for _, tt := range []struct {
		name    string
		issuers []Issuer
		status  int
		want    []object
	}{
		{"every issuer is usable", []Issuer{good}, 200, []object{isGood}},
		{"one was never fetched", []Issuer{good, {Issuer: "corp", Reason: "its keys were never fetched: https://idp.test/jwks.json: answered 500"}}, 503, []object{isGood,
			{"issuer": "corp", "usable": false, "usable_once": false, "optional": false, "reason": "its keys were never fetched: https://idp.test/jwks.json: answered 500"}}},
		{"the one that was never fetched is optional", []Issuer{good, {Issuer: "corp", Optional: true, Reason: "its keys were never fetched"}}, 200, []object{isGood,
			{"issuer": "corp", "usable": false, "usable_once": false, "optional": true, "reason": "its keys were never fetched"}}},
		{"one has no active key", []Issuer{{Issuer: "corp", Reason: "no key of it is active", LastSuccess: &when}}, 503, []object{
			{"issuer": "corp", "usable": false, "usable_once": false, "optional": false, "reason": "no key of it is active", "last_success": "2026-08-01T11:59:00Z"}}},
		{"one has gone stale since", []Issuer{{Issuer: "corp", UsableOnce: true, Reason: "stale"}}, 200, []object{
			{"issuer": "corp", "usable": false, "usable_once": true, "optional": false, "reason": "stale"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReadiness(func() []Issuer { return tt.issuers })
			body := ask(t, Probes(r, http.NotFoundHandler()), "GET", "/readyz", tt.status, jsonType)
			wantJSON(t, body, object{"ready": tt.status == 200, "draining": false, "issuers": tt.want})
			if r.Ready() != (tt.status == 200) {
				t.Error("grpc.health.v1 would say something else")
			}
		})
	}
}

// Where anybody may ask, an answer is made of closed words and names no address.
func TestBriefReadyzNamesNoAddress(t *testing.T) {
	r := NewReadiness(func() []Issuer {
		return []Issuer{{Issuer: "corp", State: NeverFetched, LastResult: "tls", Reason: "its keys were never fetched: https://idp.internal/jwks.json: 10.0.0.7"}}
	})
	brief := object{"issuer": "corp", "usable": false, "usable_once": false, "optional": false, "state": "never_fetched", "last_result": "tls"}
	wantJSON(t, ask(t, Probes(r.Brief(), http.NotFoundHandler()), "GET", "/readyz", 503, jsonType), object{"ready": false, "draining": false, "issuers": []object{brief}})
	brief["reason"] = "its keys were never fetched: https://idp.internal/jwks.json: 10.0.0.7"
	wantJSON(t, ask(t, Probes(r, http.NotFoundHandler()), "GET", "/readyz", 503, jsonType), object{"ready": false, "draining": false, "issuers": []object{brief}})
}

// Once ready, the outage of every issuer, or a new issuer that is not usable yet,
// ends it no more; draining does, for good.
func TestReadinessIsALatch(t *testing.T) {
	issuers := []Issuer{{Issuer: "corp"}}
	r := NewReadiness(func() []Issuer { return issuers })
	if r.Ready() {
		t.Error("ready before the issuer was usable")
	}
	issuers = []Issuer{{Issuer: "corp", Usable: true, UsableOnce: true}}
	if !r.Ready() {
		t.Error("not ready")
	}
	issuers = []Issuer{{Issuer: "corp"}, {Issuer: "new"}}
	if !r.Ready() {
		t.Error("an outage made it red")
	}
	ask(t, r, "GET", "/readyz", 200, jsonType)
	r.Drain()
	if r.Ready() {
		t.Error("ready while draining")
	}
	wantJSON(t, ask(t, r, "GET", "/readyz", 503, jsonType), object{"ready": false, "draining": true, "issuers": []object{
		{"issuer": "corp", "usable": false, "usable_once": false, "optional": false},
		{"issuer": "new", "usable": false, "usable_once": false, "optional": false}}})
	issuers = []Issuer{{Issuer: "corp", Usable: true, UsableOnce: true}}
	if r.Ready() {
		t.Error("ready again")
	}
}

// A guard that drains before it was ever ready does not turn green on the way.
func TestDrainBeforeReady(t *testing.T) {
	r := NewReadiness(func() []Issuer { return []Issuer{{UsableOnce: true}} })
	r.Drain()
	if r.Ready() {
		t.Error("ready")
	}
}

func TestProbesMayBeAskedAtOnce(t *testing.T) {
	r := NewReadiness(func() []Issuer { return []Issuer{{UsableOnce: true}} })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { r.Ready() })
		all.Go(r.Drain)
	}
	all.Wait()
}

// Each way in which no token of an issuer can be accepted has its word, for
// readiness and for the page.
func TestUnusableIssuersHaveTheirState(t *testing.T) {
	listed := corp(t, "old").Set
	for want, set := range map[State]*keyset.Set{
		"":           listed,
		NeverFetched: keyset.New(settings),
		Stale:        observe(t, keyset.New(settings), at(-5*time.Hour), keyOf("old").JWK()),
		NoActiveKey:  apply(t, listed, at(-time.Minute), keyset.Order{Action: keyset.Revoke, Kid: "old"}),
		NoFittingKey: listed.WithParams(fitsOnly("new")),
	} {
		i := IssuerKeys{Issuer: "corp", Set: set}
		if f := i.freshness(at(0)); Unusable(set, at(0)) != want || f.State != want || f.Usable != (want == "") {
			t.Errorf("%q: %q, %+v", want, Unusable(set, at(0)), f)
		}
	}
}
