package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// guardOf is a guard that stands still at an instant.
type guardOf struct {
	sets []IssuerKeys
	now  keyset.Instant
}

func (g guardOf) KeySets() ([]IssuerKeys, keyset.Instant) { return g.sets, g.now }

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) keyset.Instant {
	return keyset.Instant{Wall: noon.Add(d), Life: noon.Add(d)}
}

// observe shows a set a document of these keys.
func observe(t *testing.T, s *keyset.Set, when keyset.Instant, keys ...devissuer.JWK) *keyset.Set {
	t.Helper()
	doc, err := jose.ReadKeys(devissuer.Document(keys...))
	if err != nil {
		t.Fatal(err)
	}
	s, _ = s.Observe(doc, when, when)
	return s
}

func apply(t *testing.T, s *keyset.Set, when keyset.Instant, o keyset.Order) *keyset.Set {
	t.Helper()
	s, _, err := s.Apply(o, when)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyOf(kid string) *devissuer.Key { return devissuer.SharedKey(kid, "ES256") }

// get asks a handler, and wants an answer of this status and media type.
func ask(t *testing.T, h http.Handler, method, target string, status int, media string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	if w.Code != status || w.Header().Get("Content-Type") != media {
		t.Errorf("%s %s: %d %s, want %d %s", method, target, w.Code, w.Header().Get("Content-Type"), status, media)
	}
	if media != text && w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: may be cached", method, target)
	}
	return w.Body.String()
}

const (
	text        = "text/plain; charset=utf-8"
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// wantJSON compares an answer member by member: what has no value is absent, and
// there is nothing else.
func wantJSON(t *testing.T, got string, want any) {
	t.Helper()
	var g any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var w any
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

type object = map[string]any

// Every stage of a key's life, as the API shows it at noon.
func TestKeysAsTheAPIShowsThem(t *testing.T) {
	params := keyset.Params{Interval: 5 * time.Minute, MaxStale: 4 * time.Hour, Grace: time.Hour, RemovalConfirm: 30 * time.Second}
	pending := keyOf("pending").JWK()
	pending["nbf"] = noon.Add(time.Hour).Unix()
	expired := keyOf("expired").JWK()
	expired["exp"] = noon.Add(-time.Minute).Unix()
	noAlg := keyOf("no-alg").JWK()
	delete(noAlg, "alg")

	corp := keyset.New(params)
	corp = observe(t, corp, at(-3*time.Hour), keyOf("used").JWK(), keyOf("grace").JWK(), keyOf("gone").JWK(),
		keyOf("ordered").JWK(), keyOf("ordered-grace").JWK(), keyOf("revoked").JWK(), expired)
	present := []devissuer.JWK{keyOf("used").JWK(), keyOf("grace").JWK(), keyOf("ordered").JWK(), keyOf("ordered-grace").JWK(), keyOf("revoked").JWK(), pending, noAlg, expired}
	corp = observe(t, corp, at(-2*time.Hour), present...)
	corp = observe(t, corp, at(-90*time.Minute), present...)
	order := func(a keyset.Action, kid string, when, grace time.Duration) {
		corp = apply(t, corp, at(when), keyset.Order{Action: a, Kid: kid, Grace: grace, Reason: "planned", Actor: "ops"})
	}
	order(keyset.Retire, "ordered", -2*time.Hour, time.Hour)
	order(keyset.Retire, "ordered-grace", -30*time.Minute, time.Hour)
	order(keyset.Retire, "revoked", -80*time.Minute, time.Hour)
	order(keyset.Revoke, "revoked", -time.Hour, 0)
	corp = observe(t, corp, at(-20*time.Minute), keyOf("used").JWK(), pending, noAlg)
	corp = observe(t, corp, at(-10*time.Minute), keyOf("used").JWK(), pending, noAlg)
	corp = apply(t, corp, at(-5*time.Minute), keyset.Order{Action: keyset.Retire, Kid: "unseen", Reason: "never to come"})
	corp, _ = corp.Advance(at(0))

	used, _ := corp.Lookup("used")
	used.Allow(noon.Add(-time.Second), noon.Add(time.Hour), noon.Add(-time.Hour))
	used.Deny()
	// A time of another zone is shown in UTC.
	zone := time.FixedZone("", 7200)
	west := observe(t, keyset.New(params), keyset.Instant{Wall: noon.In(zone), Life: noon.In(zone)}, keyOf("used").JWK())

	stamp := func(d time.Duration) string { return noon.Add(d).Format(time.RFC3339) }
	key := func(kid, state string, final bool, more object) object {
		o := object{"issuer": "corp", "kid": kid, "thumbprint": keyOf(kid).Thumbprint(), "alg": "ES256", "state": state, "final": final,
			"allowed": 0, "denied": 0}
		for name, value := range more {
			if o[name] = value; value == nil {
				delete(o, name)
			}
		}
		return o
	}
	first, second := stamp(-3*time.Hour), stamp(-2*time.Hour)
	want := []object{
		key("used", "active", false, object{"first_seen": first, "last_seen": stamp(-10 * time.Minute),
			"allowed": 1, "denied": 1, "last_used": stamp(-time.Second), "latest_token_expiry": stamp(time.Hour)}),
		key("grace", "grace", false, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute), "left_at": stamp(-20 * time.Minute), "retires_at": stamp(40 * time.Minute)}),
		key("gone", "retired", true, object{"first_seen": first, "last_seen": first, "left_at": second, "retired_at": stamp(-time.Hour), "reason": "withdrawn by the issuer"}),
		key("ordered", "retired", true, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute), "left_at": nil,
			"retired_at": stamp(-time.Hour), "reason": "planned", "actor": "ops"}),
		key("ordered-grace", "grace", true, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute), "left_at": stamp(-20 * time.Minute),
			"retires_at": stamp(30 * time.Minute), "reason": "planned", "actor": "ops"}),
		key("revoked", "revoked", true, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute),
			"retired_at": stamp(-time.Hour), "reason": "planned", "actor": "ops"}),
		key("expired", "retired", false, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute), "left_at": stamp(-20 * time.Minute),
			"retired_at": stamp(-time.Minute)}), // not at the end of its grace, which lies ahead
		key("pending", "pending", false, object{"first_seen": second, "last_seen": stamp(-10 * time.Minute)}),
		key("no-alg", "active", false, object{"alg": nil, "first_seen": second, "last_seen": stamp(-10 * time.Minute)}),
		key("unseen", "retired", true, object{"thumbprint": nil, "alg": nil, "retired_at": stamp(-5 * time.Minute), "reason": "never to come"}),
	}
	h := API(guardOf{[]IssuerKeys{{"corp", corp}, {"west", west}, {"new", keyset.New(params)}}, at(0)}, http.NotFoundHandler())
	wantJSON(t, ask(t, h, "GET", "/api/v1/keys", 200, jsonType), object{"keys": append(want,
		key("used", "active", false, object{"issuer": "west", "first_seen": stamp(0), "last_seen": stamp(0)}))})
	for _, o := range want {
		wantJSON(t, ask(t, h, "GET", "/api/v1/keys/corp/"+o["kid"].(string), 200, jsonType), o)
	}
}

// A list without keys is a list.
func TestNoKeysAreAnEmptyList(t *testing.T) {
	for _, sets := range [][]IssuerKeys{nil, {{"corp", keyset.New(keyset.Params{})}}} {
		wantJSON(t, ask(t, API(guardOf{sets: sets}, http.NotFoundHandler()), "GET", "/api/v1/keys", 200, jsonType), object{"keys": []string{}})
	}
}

// A kid may be a URL, which has slashes.
func TestKidsAreEscapedInPaths(t *testing.T) {
	kid := "https://kms.test/keys/1?v=2%"
	s := observe(t, keyset.New(keyset.Params{}), at(0), devissuer.NewKey(kid, "EdDSA").JWK())
	h := API(guardOf{[]IssuerKeys{{"a/b", s}}, at(0)}, http.NotFoundHandler())
	if got := ask(t, h, "GET", "/api/v1/keys/a%2Fb/https:%2F%2Fkms.test%2Fkeys%2F1%3Fv=2%25", 200, jsonType); !strings.Contains(got, `"kid": "https://kms.test/keys/1?v=2%"`) {
		t.Error(got)
	}
}

func TestWhatIsNotThereIsAProblem(t *testing.T) {
	s := observe(t, keyset.New(keyset.Params{}), at(0), keyOf("a").JWK())
	ready := NewReadiness(func() []Issuer { return nil })
	h := API(guardOf{[]IssuerKeys{{"corp", s}}, at(0)}, Probes(ready))
	problem := func(status int, title, detail string) object {
		return object{"title": title, "status": status, "detail": detail}
	}
	for _, tt := range []struct {
		method, target string
		want           object
	}{
		{"GET", "/api/v1/keys/corp/b", problem(404, "No such key", "the issuer has no key of this kid")},
		{"GET", "/api/v1/keys/other/a", problem(404, "No such issuer", "no issuer has this name")},
		{"GET", "/", problem(404, "Not found", "there is nothing here")},
		{"GET", "/api/v1/keys/", problem(404, "Not found", "there is nothing here")},
		{"GET", "/api/v1/keys/corp", problem(404, "Not found", "there is nothing here")},
		{"GET", "/debug/pprof/", problem(404, "Not found", "there is nothing here")},
		{"POST", "/api/v1/keys", problem(405, "Method not allowed", "this can only be read, by GET")},
		{"DELETE", "/api/v1/keys/corp/a", problem(405, "Method not allowed", "this can only be read, by GET")},
		{"PUT", "/healthz", problem(405, "Method not allowed", "this can only be read, by GET")},
		{"POST", "/readyz", problem(405, "Method not allowed", "this can only be read, by GET")},
	} {
		status := tt.want["status"].(int)
		wantJSON(t, ask(t, h, tt.method, tt.target, status, problemType), tt.want)
		if status == http.StatusMethodNotAllowed {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, nil))
			if allow := w.Header().Get("Allow"); allow != "GET, HEAD" { // RFC 9110, section 15.5.6
				t.Errorf("%s %s: Allow: %s", tt.method, tt.target, allow)
			}
		}
	}
}

// The metrics listener, which anybody in the network may reach, shows no keys.
func TestProbesServeNothingElse(t *testing.T) {
	h := Probes(NewReadiness(func() []Issuer { return nil }))
	ask(t, h, "GET", "/api/v1/keys", 404, problemType)
	ask(t, h, "GET", "/healthz", 200, text)
	ask(t, h, "HEAD", "/healthz", 200, text)
}
