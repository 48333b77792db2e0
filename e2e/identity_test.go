package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// forgeries are the ways in which a client may claim an identity of its own.
var forgeries = map[string][][2]string{
	"exact":       {{"x-jwt-sub", "mallory"}},
	"mixed case":  {{"X-JWT-Sub", "mallory"}},
	"twice":       {{"x-jwt-sub", "mallory"}, {"X-Jwt-Sub", "mallory2"}},
	"empty":       {{"x-jwt-sub", ""}},
	"underscores": {{"x_jwt_sub", "mallory"}},
	"one of each": {{"x-jwt_sub", "mallory"}, {"x_jwt-sub", "mallory"}},
	"not copied":  {{"x-jwt-scope", "payments admin"}},
	"payload":     {{"x-jwt-payload", "eyJzdWIiOiJtYWxsb3J5In0"}},
	"hop by hop":  {{"Connection", "x-jwt-sub"}},
}

// Envoy removes forged identities before the guard is asked, and the guard
// removes or overwrites them: each must do without the other.
func TestForgedIdentityNeverReachesTheUpstream(t *testing.T) {
	for name, edit := range map[string]func(testing.TB, string) string{
		"as shipped": func(_ testing.TB, config string) string { return config },
		"by the guard alone": func(t testing.TB, config string) string {
			config = harnesstest.ReplaceOnce(t, config, "              - remove_on_match: { key_matcher: { prefix: x-jwt-, ignore_case: true } }\n", "")
			return harnesstest.ReplaceOnce(t, config, "headers_with_underscores_action: REJECT_REQUEST", "headers_with_underscores_action: ALLOW")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{
				edit:   func(config string) string { return edit(t, config) },
				routes: map[string]string{"/public": "public", "/shadow": "shadow"},
				policies: `
public: { issuers: [corp], allow_missing: true, claim_headers: [{ claim: sub, header: x-jwt-sub }] }
shadow: { issuers: [corp], mode: shadow, claim_headers: [{ claim: sub, header: x-jwt-sub }], payload_header: x-jwt-payload }`,
			})
			for forgery, headers := range forgeries {
				for _, path := range []string{"/", "/public", "/shadow"} {
					for _, good := range []bool{true, false} {
						if path == "/" && !good {
							continue // refused
						}
						r := harness.Request{Target: path, Headers: slices.Clone(headers)}
						want := ""
						if good {
							r, want = r.Bearer(w.token(nil)), "alice"
						}
						resp, access := w.send(r)
						if resp.Status == 400 && name == "as shipped" && strings.Contains(headers[0][0], "_") {
							continue
						}
						if resp.Echo == nil {
							t.Errorf("%s %s: client got %d %q: %s", forgery, path, resp.Status, resp.Body, access.Line)
							continue
						}
						got := resp.Echo.Header
						if sub := strings.Join(got.Values("X-Jwt-Sub"), "|"); sub != want {
							t.Errorf("%s %s, token %v: x-jwt-sub is %q, want %q", forgery, path, good, sub, want)
						}
						for header, values := range got {
							key := strings.ReplaceAll(strings.ToLower(header), "_", "-")
							switch {
							case !strings.HasPrefix(key, "x-jwt"), header == "X-Jwt-Sub":
							case header == "X-Jwt-Payload" && good && path == "/shadow" && len(values) == 1 && !strings.Contains(values[0], "bWFsbG9yeQ") && values[0] != "eyJzdWIiOiJtYWxsb3J5In0":
							default:
								t.Errorf("%s %s, token %v: the upstream got %s: %q", forgery, path, good, header, values)
							}
						}
					}
				}
			}
		})
	}
}

func TestClaimsReachTheUpstreamAsHeaders(t *testing.T) {
	w := newWorld(t, setup{})
	resp, access := w.send(harness.Request{Target: "/payments"}.Bearer(
		w.token(devissuer.Claims{"sub": "bob", "scope": "payments read"})))
	if resp.Echo == nil {
		t.Fatalf("%+v: %s", resp, access.Line)
	}
	h := resp.Echo.Header
	if h.Get("X-Jwt-Sub") != "bob" || h.Get("X-Jwt-Scope") != "payments read" {
		t.Errorf("%v", h)
	}
	// A claim that could break the request is left out, with the header.
	resp, _ = w.send(harness.Request{}.Header("x-jwt-sub", "mallory").Bearer(
		w.token(devissuer.Claims{"sub": "bob\r\nx-admin: true"})))
	if resp.Echo == nil || len(names(resp.Echo.Header, "X-Jwt")) != 0 || resp.Echo.Header.Get("X-Admin") != "" {
		t.Errorf("%+v", resp)
	}
}

// Which policy holds is the route's business; nothing of the client's has a say.
func TestTheRouteChoosesThePolicy(t *testing.T) {
	w := newWorld(t, setup{})
	for path, want := range map[string]string{
		"/": "default", "/payments": "payments", "/payments/1?x=/other": "payments", "/paymentsx": "default",
		"//payments": "payments", "/x/../payments": "payments", "/%70ayments": "payments",
	} {
		r := harness.Request{Target: path}.Bearer(w.token(devissuer.Claims{"scope": "read"})).
			Header("jwtguard.policy", "default").
			Header("x-jwtguard-policy", "default")
		_, access := w.send(r)
		if value(access.Policy) != want {
			t.Errorf("%s: policy %s, want %s", path, value(access.Policy), want)
		}
		if wantStatus := map[string]int{"default": 200, "payments": 403}[want]; access.Status != wantStatus {
			t.Errorf("%s: %d, want %d", path, access.Status, wantStatus)
		}
	}
}

// A token that was found is taken out where the policy says so, and nothing
// else of the request changes.
func TestTheTokenIsRemovedFromWhereItWas(t *testing.T) {
	w := newWorld(t, setup{
		routes: map[string]string{"/h": "h", "/custom": "custom", "/q": "q", "/c": "c", "/all": "all"},
		policies: `
h: { issuers: [corp], token: { forward: false } }
custom: { issuers: [corp], token: { header: x-token, forward: false } }
q: { issuers: [corp], token: { header: "", query: access_token, forward: false } }
c: { issuers: [corp], token: { header: "", cookie: session, forward: false } }
all: { issuers: [corp], token: { query: access_token, cookie: session, forward: true } }`,
	})
	token := w.token(nil)
	bearer := [2]string{"authorization", "Bearer " + token}
	for name, c := range map[string]struct {
		target  string
		headers [][2]string
		want    string   // target at the upstream
		auth    bool     // authorization is still there
		cookie  []string // at the upstream
	}{
		"header":                 {target: "/h?b=1&a", headers: [][2]string{bearer}, want: "/h?b=1&a"},
		"custom header, bare":    {target: "/custom", headers: [][2]string{{"x-token", token}, {"authorization", "Basic YTpi"}}, want: "/custom", auth: true},
		"custom header, Bearer":  {target: "/custom", headers: [][2]string{{"X-Token", "Bearer " + token}}, want: "/custom"},
		"query, in the middle":   {target: "/q?z=1&access_token=" + token + "&a=2&n", want: "/q?z=1&a=2&n"},
		"query, alone":           {target: "/q?access_token=" + token, want: "/q"},
		"query, escaped name":    {target: "/q?sig=%2f%2F+&access%5Ftoken=" + token, want: "/q?sig=%2f%2F+"},
		"cookie among others":    {target: "/c", headers: [][2]string{{"cookie", "a=1; session=" + token + "; b=2"}}, want: "/c", cookie: []string{"a=1; b=2"}},
		"cookie alone":           {target: "/c", headers: [][2]string{{"cookie", "session=" + token}}, want: "/c"},
		"cookie on another line": {target: "/c", headers: [][2]string{{"cookie", "a=1"}, {"cookie", "session=" + token}}, want: "/c", cookie: []string{"a=1"}},
		"kept in the header":     {target: "/all", headers: [][2]string{bearer}, want: "/all", auth: true},
		"kept in the query":      {target: "/all?access_token=" + token, want: "/all?access_token=" + token},
		"kept in the cookie":     {target: "/all", headers: [][2]string{{"cookie", "session=" + token}}, want: "/all", cookie: []string{"session=" + token}},
	} {
		resp, access := w.send(harness.Request{Target: c.target, Headers: c.headers})
		if resp.Echo == nil {
			t.Errorf("%s: client got %d %q: %s", name, resp.Status, resp.Body, access.Line)
			continue
		}
		e := resp.Echo
		if e.Target != c.want {
			t.Errorf("%s: target %q, want %q", name, e.Target, c.want)
		}
		if got := e.Header.Get("Authorization") != ""; got != c.auth {
			t.Errorf("%s: authorization at the upstream: %v, want %v", name, got, c.auth)
		}
		if len(e.Header.Values("X-Token")) != 0 {
			t.Errorf("%s: x-token at the upstream", name)
		}
		if got := e.Header.Values("Cookie"); !slices.Equal(got, c.cookie) {
			t.Errorf("%s: cookies %q, want %q", name, got, c.cookie)
		}
		if strings.Contains(access.Line, token) {
			t.Errorf("%s: the token is in the access log", name)
		}
	}
	resp, access := w.send(harness.Request{Target: "/all?access_token=" + token, Headers: [][2]string{bearer}})
	if resp.Status != 400 || value(access.Reason) != "multiple_credentials" {
		t.Errorf("two places: %d, %s", resp.Status, access.Line)
	}
}

// A policy in shadow mode refuses nobody, says whom it would have refused, and
// passes no identity on that it did not verify.
func TestShadowModeRefusesNobodyAndSaysWhom(t *testing.T) {
	w := newWorld(t, setup{
		routes:   map[string]string{"/shadow": "shadow"},
		policies: `shadow: { issuers: [corp], mode: shadow, required_scopes: [admin], claim_headers: [{ claim: sub, header: x-jwt-sub }] }`,
	})
	for name, c := range map[string]struct {
		authorization         string
		decision, reason, sub string
	}{
		"good":     {"Bearer " + w.token(devissuer.Claims{"scope": "admin"}), "allow", "ok", "alice"},
		"no scope": {"Bearer " + w.token(nil), "shadow_deny", "scope_insufficient", ""},
		"garbage":  {"Bearer garbage", "shadow_deny", "token_malformed", ""},
		"none":     {"", "shadow_deny", "token_missing", ""},
		"two":      {"Bearer a, Bearer b", "shadow_deny", "multiple_credentials", ""},
	} {
		r := harness.Request{Target: "/shadow"}.Header("x-jwt-sub", "mallory")
		if c.authorization != "" {
			r = r.Header("authorization", c.authorization)
		}
		resp, access := w.send(r)
		if resp.Echo == nil || value(access.Decision) != c.decision || value(access.Reason) != c.reason {
			t.Errorf("%s: client got %d: %s", name, resp.Status, access.Line)
			continue
		}
		if got := strings.Join(resp.Echo.Header.Values("X-Jwt-Sub"), "|"); got != c.sub {
			t.Errorf("%s: x-jwt-sub %q, want %q", name, got, c.sub)
		}
	}
}
