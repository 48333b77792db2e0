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

// ask asks a handler, as somebody on this machine, and wants an answer of this
// status and media type.
func ask(t *testing.T, h http.Handler, method, target string, status int, media string) string {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:9192"
	h.ServeHTTP(w, r)
	if w.Code != status || w.Header().Get("Content-Type") != media {
		t.Errorf("%s %s: %d %s, want %d %s", method, target, w.Code, w.Header().Get("Content-Type"), status, media)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
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
// there is nothing else. Of safe_to_retire, which keys in service have, other tests
// tell.
func wantJSON(t *testing.T, got string, want any) {
	t.Helper()
	var g any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	judged(t, g)
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

// judged takes safe_to_retire out of what shows a key.
func judged(t *testing.T, shown any) {
	t.Helper()
	o, _ := shown.(object)
	if list, ok := o["keys"].([]any); ok {
		for _, k := range list {
			judged(t, k)
		}
	}
	if _, has := o["safe_to_retire"]; o["state"] != nil && has != (o["state"] == "active" || o["state"] == "grace") {
		t.Errorf("safe_to_retire of %v: %t", o["kid"], has)
	}
	delete(o, "safe_to_retire")
}

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
		for _, from := range []string{"first_seen", "retired_at"} {
			if at, ok := o[from]; ok && more["since"] == nil {
				o["since"] = at // of a pending or active key, unless it is out of service
			}
		}
		return o
	}
	first, second := stamp(-3*time.Hour), stamp(-2*time.Hour)
	want := []object{
		key("used", "active", false, object{"first_seen": first, "last_seen": stamp(-10 * time.Minute),
			"allowed": 1, "denied": 1, "last_used": stamp(-time.Second), "latest_token_expiry": stamp(time.Hour)}),
		key("grace", "grace", false, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute), "left_at": stamp(-20 * time.Minute), "grace_from": stamp(-20 * time.Minute),
			"retires_at": stamp(40 * time.Minute), "since": stamp(-20 * time.Minute)}),
		key("gone", "retired", true, object{"first_seen": first, "last_seen": first, "left_at": second, "grace_from": second,
			"retired_at": stamp(-time.Hour), "reason": "withdrawn by the issuer"}),
		key("ordered", "retired", true, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute), "left_at": nil,
			"grace_from": second, "retired_at": stamp(-time.Hour), "reason": "planned", "actor": "ops"}),
		key("ordered-grace", "grace", true, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute), "left_at": stamp(-20 * time.Minute),
			"grace_from": stamp(-30 * time.Minute), "retires_at": stamp(30 * time.Minute), "since": stamp(-30 * time.Minute), "reason": "planned", "actor": "ops"}),
		key("revoked", "revoked", true, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute),
			"grace_from": stamp(-80 * time.Minute), "retired_at": stamp(-time.Hour), "reason": "planned", "actor": "ops"}),
		key("expired", "retired", false, object{"first_seen": first, "last_seen": stamp(-90 * time.Minute), "left_at": stamp(-20 * time.Minute),
			"grace_from": stamp(-20 * time.Minute), "retired_at": stamp(-time.Minute)}), // not at the end of its grace, which lies ahead
		key("pending", "pending", false, object{"first_seen": second, "active_from": stamp(time.Hour), "last_seen": stamp(-10 * time.Minute)}),
		key("no-alg", "active", false, object{"alg": nil, "first_seen": second, "last_seen": stamp(-10 * time.Minute)}),
		key("unseen", "retired", true, object{"thumbprint": nil, "alg": nil, "retired_at": stamp(-5 * time.Minute), "reason": "never to come"}),
	}
	h := newWorld(t, IssuerKeys{Issuer: "corp", Set: corp}, IssuerKeys{Issuer: "west", Set: west}, IssuerKeys{Issuer: "new", Set: keyset.New(params)}).api
	wantJSON(t, ask(t, h, "GET", "/api/v1/keys", 200, jsonType), object{"keys": append(want,
		key("used", "active", false, object{"issuer": "west", "first_seen": stamp(0), "last_seen": stamp(0)}))})
	for _, o := range want {
		wantJSON(t, ask(t, h, "GET", "/api/v1/keys/corp/"+o["kid"].(string), 200, jsonType), o)
	}
}

// An iat is compared with grace_from, which is therefore a time of the wall clock,
// also where lifecycle time is ahead of it.
func TestGraceBeginsByTheWallClock(t *testing.T) {
	s := observe(t, keyset.New(keyset.Params{Grace: time.Hour}), at(-time.Hour), keyOf("a").JWK())
	s = apply(t, s, at(0), keyset.Order{Action: keyset.Retire, Kid: "a", Grace: time.Hour})
	i := IssuerKeys{Issuer: "corp", Set: s}
	ref, _ := s.Lookup("a")
	for ahead, want := range map[time.Duration]time.Time{0: noon, 10 * time.Minute: noon.Add(-10 * time.Minute), -10 * time.Minute: noon} {
		got := i.row("a", ref.Key, ref, keyset.Instant{Wall: noon.Add(time.Minute - ahead), Life: noon.Add(time.Minute)}).GraceFrom
		if got == nil || !got.Equal(want) {
			t.Errorf("lifecycle time %s ahead: %v, want %s", ahead, got, want)
		}
	}
}

// What alg does not say of a key in service: with which of the issuer's algorithms
// it may be used, if with any.
func TestAlgorithmsAreToldWhereAlgDoesNotSayThem(t *testing.T) {
	rsa := devissuer.SharedKey("rsa", "RS256").JWK()
	delete(rsa, "alg")
	full := devissuer.NewKey("full", "Ed25519").JWK()
	s := observe(t, keyset.New(keyset.Params{}), at(0), keyOf("a").JWK(), keyOf("gone").JWK(), rsa, full)
	s = apply(t, s, at(0), keyset.Order{Action: keyset.Retire, Kid: "gone"})
	s = apply(t, s, at(0), keyset.Order{Action: keyset.Retire, Kid: "unseen"})
	for name, c := range map[string]struct {
		issuers []string
		want    map[string][]string // by kid; others have none
	}{
		"the default": {[]string{"RS256", "PS256", "ES256", "EdDSA"}, map[string][]string{"rsa": {"RS256", "PS256"}, "full": {}}},
		"one":         {[]string{"RS256"}, map[string][]string{"rsa": {"RS256"}, "a": {}, "full": {}}},
		"not told":    {nil, map[string][]string{}},
	} {
		h := newWorld(t, IssuerKeys{Issuer: "corp", Set: s, Algorithms: c.issuers}).api
		var answer struct {
			Keys []struct {
				Kid        string
				Algorithms *[]string
			}
		}
		if err := json.Unmarshal([]byte(ask(t, h, "GET", "/api/v1/keys", 200, jsonType)), &answer); err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		for _, k := range answer.Keys {
			if k.Algorithms != nil {
				got[k.Kid] = *k.Algorithms
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" || len(answer.Keys) != 5 {
			t.Errorf("%s: of %d keys: %s", name, len(answer.Keys), diff)
		}
	}
}

// A list without keys is a list.
func TestNoKeysAreAnEmptyList(t *testing.T) {
	for _, sets := range [][]IssuerKeys{nil, {{Issuer: "corp", Set: keyset.New(keyset.Params{})}}} {
		wantJSON(t, ask(t, newWorld(t, sets...).api, "GET", "/api/v1/keys", 200, jsonType), object{"keys": []string{}})
	}
}

// A kid may be a URL, which has slashes.
func TestKidsAreEscapedInPaths(t *testing.T) {
	kid := "https://kms.test/keys/1?v=2%"
	s := observe(t, keyset.New(keyset.Params{}), at(0), devissuer.NewKey(kid, "EdDSA").JWK())
	h := newWorld(t, IssuerKeys{Issuer: "a/b", Set: s}).api
	if got := ask(t, h, "GET", "/api/v1/keys/a%2Fb/https:%2F%2Fkms.test%2Fkeys%2F1%3Fv=2%25", 200, jsonType); !strings.Contains(got, `"kid": "https://kms.test/keys/1?v=2%"`) {
		t.Error(got)
	}
}

func TestWhatIsNotThereIsAProblem(t *testing.T) {
	s := observe(t, keyset.New(keyset.Params{}), at(0), keyOf("a").JWK())
	h := newWorld(t, IssuerKeys{Issuer: "corp", Set: s}).api
	refused := func(status int, title, detail string) object {
		return object{"title": title, "status": status, "detail": detail}
	}
	for _, tt := range []struct {
		method, target string
		want           object
	}{
		{"GET", "/api/v1/keys/corp/b", refused(404, "No such key", `corp has no key of the kid "b"; there are: "a"`)},
		{"GET", "/api/v1/keys/corp/-", refused(400, "Bad request", "- for the kid means by thumbprint: say which")},
		{"GET", "/api/v1/keys/corp/-?thumbprint=x", refused(400, "Bad request", `"x" is no thumbprint: write the 43 base64url characters of the key's SHA-256 (RFC 7638)`)},
		{"GET", "/api/v1/keys/corp/-?thumbprint=" + strange, refused(404, "No such key", "corp has no key of the thumbprint "+strange)},
		{"GET", "/api/v1/keys/corp/b?thumbprint=" + keyOf("a").Thumbprint(), refused(404, "No such key",
			"corp has no key of the thumbprint "+keyOf("a").Thumbprint()+` with the kid "b"`)},
		{"GET", "/api/v1/keys/other/a", object{"title": "No such issuer", "status": 404, "detail": `no issuer has the name "other"; there are: corp`, "issuers": []string{"corp"}}},
		{"GET", "/api/v1/keys/corp/a/retire", refused(405, "Method not allowed", "this is a change, made by POST")},
		{"PUT", "/api/v1/issuers/corp/refresh", refused(405, "Method not allowed", "this is a change, made by POST")},
		{"GET", "/api/v1/keys/", refused(404, "Not found", "there is nothing here")},
		{"GET", "/api/v1/keys/corp", refused(404, "Not found", "there is nothing here")},
		{"GET", "/debug/pprof/", refused(404, "Not found", "there is nothing here")},
		{"POST", "/api/v1/keys", refused(405, "Method not allowed", "this can only be read, by GET")},
		{"DELETE", "/api/v1/keys/corp/a", refused(405, "Method not allowed", "this can only be read, by GET")},
		{"PUT", "/healthz", refused(405, "Method not allowed", "this can only be read, by GET")},
		{"POST", "/readyz", refused(405, "Method not allowed", "this can only be read, by GET")},
	} {
		status := tt.want["status"].(int)
		wantJSON(t, ask(t, h, tt.method, tt.target, status, problemType), tt.want)
		if status == http.StatusMethodNotAllowed {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, nil))
			want := "GET, HEAD"
			if strings.Contains(tt.want["detail"].(string), "POST") {
				want = "POST"
			}
			if allow := w.Header().Get("Allow"); allow != want { // RFC 9110, section 15.5.6
				t.Errorf("%s %s: Allow: %s", tt.method, tt.target, allow)
			}
		}
	}
}

// Nothing of it is to be kept by caches or taken for something else, not even the
// way from a path to a cleaner one.
func TestNothingIsToBeCached(t *testing.T) {
	h := newWorld(t, corp(t, "a")).api
	for path, status := range map[string]int{"/api/v1//keys": 307, "/api/v1/keys": 200, "/healthz": 200, "/none": 404} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", path, nil)
		r.Host = "localhost"
		h.ServeHTTP(w, r)
		if w.Code != status || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}

// A key is found by each of its names, and by its thumbprint: so are one whose kid
// is what stands for no kid, and one that shares its kid with another.
func TestKeysByTheirNames(t *testing.T) {
	dash, first, second := devissuer.NewKey("-", "EdDSA"), devissuer.NewKey("again", "EdDSA"), devissuer.NewKey("again", "EdDSA")
	s := keyset.New(keyset.Params{ReplaceReused: true})
	s = observe(t, s, at(-2*time.Hour), dash.JWK(), first.JWK())
	s = observe(t, s, at(-time.Hour), dash.JWK(), second.JWK())
	h := newWorld(t, IssuerKeys{Issuer: "corp", Set: s}).api
	for target, want := range map[string]*devissuer.Key{
		"-?thumbprint=" + dash.Thumbprint():       dash,
		"again?thumbprint=" + first.Thumbprint():  first,
		"again?thumbprint=" + second.Thumbprint(): second,
		"-?thumbprint=" + second.Thumbprint():     second,
	} {
		var got Key
		decode(t, ask(t, h, "GET", "/api/v1/keys/corp/"+target, 200, jsonType), &got)
		if got.Thumbprint != want.Thumbprint() || got.Kid != want.KID {
			t.Errorf("%s: %+v", target, got)
		}
	}
	wantJSON(t, ask(t, h, "GET", "/api/v1/keys/corp/again", 409, problemType), object{"title": "Several keys", "status": 409,
		"thumbprints": []string{first.Thumbprint(), second.Thumbprint()},
		"detail":      `the kid "again" has named several keys of corp: say which one, by its thumbprint: ` + first.Thumbprint() + ", " + second.Thumbprint()})
}

// The metrics listener, which anybody in the network may reach, shows no keys.
func TestProbesServeNothingElse(t *testing.T) {
	h := Probes(NewReadiness(func() []Issuer { return nil }), http.NotFoundHandler())
	ask(t, h, "GET", "/api/v1/keys", 404, problemType)
	ask(t, h, "GET", "/healthz", 200, text)
	ask(t, h, "HEAD", "/healthz", 200, text)
}

// A key is active since its activation, not since it was published.
func TestActiveSinceTheActivation(t *testing.T) {
	jwk := keyOf("a").JWK()
	jwk["nbf"] = noon.Unix()
	s := observe(t, keyset.New(keyset.Params{}), at(-time.Hour), jwk)
	i := IssuerKeys{Issuer: "corp", Set: s}
	k, _ := s.Lookup("a")
	for when, want := range map[time.Duration]time.Duration{-time.Minute: -time.Hour, time.Minute: 0} {
		if got := i.row("a", k.Key, k, at(when)).Since; !got.Equal(noon.Add(want)) {
			t.Errorf("at %s: %s, want %s", when, got, noon.Add(want))
		}
	}
}
