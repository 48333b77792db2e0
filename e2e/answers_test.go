package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// The challenges of RFC 6750, section 3, as clients see them.
const (
	noError      = `^Bearer realm="e2e"$`
	invalidReq   = `^Bearer realm="e2e", error="invalid_request"(, error_description="[ -~]+")?$`
	invalidToken = `^Bearer realm="e2e", error="invalid_token"(, error_description="[ -~]+")?$`
	noScope      = `^Bearer realm="e2e", error="insufficient_scope"(, error_description="[ -~]+")?, scope="payments"$`
	otherClaim   = `^Bearer realm="e2e", error="insufficient_scope"(, error_description="[ -~]+")?$`
	noChallenge  = `^$`
)

// What Envoy tells about each outcome, over both HTTP versions: the status, the
// challenge, and in its access log the reason and the key.
func TestAnswers(t *testing.T) {
	retired := devissuer.SharedKey("retired-2025", "ES256")
	revoked := devissuer.SharedKey("revoked-2025", "ES256")
	stranger := devissuer.SharedKey("stranger", "ES256")
	w := newWorld(t, setup{
		routes: map[string]string{"/nowhere": "nowhere", "/down": "down", "/claims": "claims", "/public": "public", "/meta": "meta"},
		keys: `
retired:
  - { kid: retired-2025, thumbprint: ` + retired.Thumbprint() + `, reason: rotated }
revoked:
  - { kid: revoked-2025, thumbprint: ` + revoked.Thumbprint() + `, reason: leaked }`,
		issuers: `
- name: down
  issuer: https://127.0.0.1:9
  audiences: [` + audience + `]
  optional: true
  max_lifetime: 1h`,
		policies: `
down: { issuers: [down], realm: e2e }
claims: { issuers: [corp], realm: e2e, required_claims: { tenant: acme } }
public: { issuers: [corp], realm: e2e, allow_missing: true, claim_headers: [{ claim: sub, header: x-jwt-sub }] }
meta: { issuers: [corp], realm: e2e, resource_metadata: "https://api.example.com/.well-known/oauth-protected-resource" }`,
	})
	w.issuer.Publish(retired, revoked)

	now := time.Now()
	c := func(more devissuer.Claims) string { return w.token(more) }
	h := func(more devissuer.Header) string { return w.key.TokenWith(more, w.claims(nil)) }
	down := w.key.Token(w.claims(devissuer.Claims{"iss": "https://127.0.0.1:9"}))

	const active = "active"
	for _, row := range []struct {
		name      string
		path      string
		token     string // of an Authorization header; none if empty
		headers   [][2]string
		status    int
		challenge string
		reason    string
		kid       string // that the access log names
		state     string
	}{
		{name: "good", token: c(nil), status: 200, reason: "ok", kid: w.key.KID, state: active},
		{name: "good, lower case scheme", headers: [][2]string{{"authorization", "bearer " + c(nil)}}, status: 200, reason: "ok", kid: w.key.KID, state: active},
		{name: "good, with scope", path: "/payments/1", token: c(devissuer.Claims{"scope": "read payments"}), status: 200, reason: "ok", kid: w.key.KID, state: active},
		{name: "good, with claim", path: "/claims", token: c(devissuer.Claims{"tenant": "acme"}), status: 200, reason: "ok", kid: w.key.KID, state: active},
		{name: "none where none is needed", path: "/public", status: 200, reason: "missing_allowed"},

		{name: "none", status: 401, challenge: noError, reason: "token_missing"},
		{name: "another scheme", headers: [][2]string{{"authorization", "Basic YTpi"}}, status: 401, challenge: noError, reason: "token_missing"},
		{name: "bad where none is needed", path: "/public", token: "a.b.c", status: 401, challenge: invalidToken, reason: "token_malformed"},

		{name: "two in one line", headers: [][2]string{{"authorization", "Bearer " + c(nil) + ", Bearer " + c(nil)}}, status: 400, challenge: invalidReq, reason: "multiple_credentials"},
		{name: "two lines", headers: [][2]string{{"authorization", "Bearer " + c(nil)}, {"authorization", "Bearer " + c(nil)}}, status: 400, challenge: invalidReq, reason: "multiple_credentials"},
		{name: "two schemes", headers: [][2]string{{"authorization", "Basic YTpi"}, {"authorization", "Bearer " + c(nil)}}, status: 400, challenge: invalidReq, reason: "multiple_credentials"},

		{name: "too large", token: strings.Repeat("a", 9000), status: 401, challenge: invalidToken, reason: "token_too_large"},
		{name: "malformed", token: "a.b", status: 401, challenge: invalidToken, reason: "token_malformed"},
		{name: "padded", token: c(nil) + "=", status: 401, challenge: invalidToken, reason: "token_malformed"},
		{name: "embedded key", token: h(devissuer.Header{"jwk": stranger.JWK()}), status: 401, challenge: invalidToken, reason: "header_forbidden"},
		{name: "no issuer", token: c(devissuer.Claims{"iss": nil}), status: 401, challenge: invalidToken, reason: "claim_missing"},
		{name: "another issuer", token: c(devissuer.Claims{"iss": "https://other.example.com"}), status: 401, challenge: invalidToken, reason: "issuer_unknown"},
		{name: "issuer of another policy", token: down, status: 401, challenge: invalidToken, reason: "issuer_unknown"},
		{name: "alg none", token: devissuer.Join([]byte(`{"alg":"none","kid":"2026-11"}`), []byte(`{"iss":"`+w.issuer.URL+`"}`), nil), status: 401, challenge: invalidToken, reason: "alg_not_allowed"},
		{name: "a DPoP proof", token: h(devissuer.Header{"typ": "dpop+jwt"}), status: 401, challenge: invalidToken, reason: "typ_not_allowed"},
		{name: "no kid", token: h(devissuer.Header{"kid": nil}), status: 401, challenge: invalidToken, reason: "kid_missing"},
		{name: "unknown kid", token: stranger.Token(w.claims(nil)), status: 401, challenge: invalidToken, reason: "kid_unknown"},
		{name: "retired key", token: retired.Token(w.claims(nil)), status: 401, challenge: invalidToken, reason: "key_retired", kid: retired.KID, state: "retired"},
		{name: "revoked key", token: revoked.Token(w.claims(nil)), status: 401, challenge: invalidToken, reason: "key_revoked", kid: revoked.KID, state: "revoked"},
		{name: "another key's alg", token: w.key.Raw([]byte(`{"alg":"RS256","kid":"2026-11"}`), []byte(`{"iss":"`+w.issuer.URL+`"}`)), status: 401, challenge: invalidToken, reason: "alg_mismatch", kid: w.key.KID, state: active},
		{name: "another key's signature", token: stranger.Renamed(w.key.KID).Token(w.claims(nil)), status: 401, challenge: invalidToken, reason: "signature_invalid", kid: w.key.KID, state: active},
		{name: "no exp", token: c(devissuer.Claims{"exp": nil}), status: 401, challenge: invalidToken, reason: "claim_missing", kid: w.key.KID, state: active},
		{name: "exp as text", token: c(devissuer.Claims{"exp": "2099-01-01"}), status: 401, challenge: invalidToken, reason: "claim_invalid", kid: w.key.KID, state: active},
		{name: "expired", token: c(devissuer.Claims{"exp": now.Add(-time.Minute).Unix()}), status: 401, challenge: invalidToken, reason: "token_expired", kid: w.key.KID, state: active},
		{name: "not yet", token: c(devissuer.Claims{"nbf": now.Add(time.Hour).Unix()}), status: 401, challenge: invalidToken, reason: "token_not_yet_valid", kid: w.key.KID, state: active},
		{name: "issued in future", token: c(devissuer.Claims{"iat": now.Add(time.Hour).Unix(), "exp": now.Add(90 * time.Minute).Unix()}), status: 401, challenge: invalidToken, reason: "issued_in_future", kid: w.key.KID, state: active},
		{name: "lives too long", token: c(devissuer.Claims{"exp": now.Add(3 * time.Hour).Unix()}), status: 401, challenge: invalidToken, reason: "lifetime_too_long", kid: w.key.KID, state: active},
		{name: "another audience", token: c(devissuer.Claims{"aud": "billing-api"}), status: 401, challenge: invalidToken, reason: "audience_mismatch", kid: w.key.KID, state: active},
		{name: "bound to a key", token: c(devissuer.Claims{"cnf": map[string]any{"jkt": "x"}}), status: 401, challenge: invalidToken, reason: "pop_required", kid: w.key.KID, state: active},

		{name: "scope", path: "/payments/1", token: c(devissuer.Claims{"scope": "read"}), status: 403, challenge: noScope, reason: "scope_insufficient", kid: w.key.KID, state: active},
		{name: "claim", path: "/claims", token: c(devissuer.Claims{"tenant": "evil"}), status: 403, challenge: otherClaim, reason: "claim_mismatch", kid: w.key.KID, state: active},
		{name: "unknown policy", path: "/nowhere", token: c(nil), status: 403, challenge: noChallenge, reason: "policy_unknown"},
		{name: "keys unavailable", path: "/down", token: down, status: 503, challenge: noChallenge, reason: "keys_unavailable"},
		{name: "resource metadata", path: "/meta", status: 401, challenge: `^Bearer realm="e2e", resource_metadata="https://api\.example\.com/\.well-known/oauth-protected-resource"$`, reason: "token_missing"},
	} {
		for proto, send := range map[string]func(harness.Request) (harness.Response, harness.Access){"h1": w.send, "h2": w.sendH2} {
			t.Run(row.name+"/"+proto, func(t *testing.T) {
				r := harness.Request{Target: row.path, Headers: row.headers}
				if row.token != "" {
					r = r.Bearer(row.token)
				}
				before := w.upstream.Served()
				resp, access := send(r)
				if resp.Status != row.status {
					t.Errorf("client got %d %q, want %d", resp.Status, resp.Body, row.status)
				}
				passes := row.status == 200
				if got := w.upstream.Served() - before; passes != (got == 1) {
					t.Errorf("%d requests reached the upstream", got)
				}
				if !passes {
					challenges := resp.Header.Values("Www-Authenticate")
					if got := strings.Join(challenges, "\n"); !regexp.MustCompile(row.challenge).MatchString(got) {
						t.Errorf("challenge %q, want %s", got, row.challenge)
					}
					if after := resp.Header.Get("Retry-After"); (after != "") != (row.status == 503) {
						t.Errorf("Retry-After %q", after)
					}
					if got := value(access.Details); got != "ext_authz_denied" {
						t.Errorf("details %s, want a denial and not an error", got)
					}
				}
				decision := map[bool]string{true: "allow", false: "deny"}[passes]
				if value(access.Decision) != decision || value(access.Reason) != row.reason ||
					value(access.KID) != row.kid || value(access.KeyState) != row.state {
					t.Errorf("want %s %s, kid %q, state %q; access log: %s", decision, row.reason, row.kid, row.state, access.Line)
				}
				if row.reason == "ok" && (value(access.Issuer) != "corp" || value(access.Thumbprint) != w.key.Thumbprint() || value(access.Alg) != "ES256") {
					t.Errorf("access log: %s", access.Line)
				}
			})
		}
	}
}

// To a client, a key that is out of service looks like one that never was.
func TestARetiredKeyLooksUnknownToTheClient(t *testing.T) {
	old := devissuer.SharedKey("old-2025", "ES256")
	w := newWorld(t, setup{keys: `
retired: [{ kid: old-2025, thumbprint: ` + old.Thumbprint() + `, reason: rotated }]`})
	retired, a := w.send(harness.Request{}.Bearer(old.Token(w.claims(nil))))
	unknown, b := w.send(harness.Request{}.Bearer(devissuer.SharedKey("stranger", "ES256").Token(w.claims(nil))))
	if value(a.Reason) != "key_retired" || value(b.Reason) != "kid_unknown" {
		t.Fatalf("%s\n%s", a.Line, b.Line)
	}
	retired.Header.Del("Date")
	unknown.Header.Del("Date")
	if retired.Status != unknown.Status || retired.Body != unknown.Body ||
		retired.Header.Get("Www-Authenticate") != unknown.Header.Get("Www-Authenticate") || len(retired.Header) != len(unknown.Header) {
		t.Errorf("retired: %+v\nunknown: %+v", retired, unknown)
	}
}

func TestAGRPCClientGetsAGRPCStatus(t *testing.T) {
	w := newWorld(t, setup{})
	resp, _ := w.sendH2(harness.Request{Method: http.MethodPost, Target: "/pkg.Service/Method",
		Headers: [][2]string{{"content-type", "application/grpc"}, {"te", "trailers"}}})
	// 16 is UNAUTHENTICATED; a gRPC answer has HTTP status 200 in any case.
	if resp.Header.Get("Grpc-Status") != "16" || w.upstream.Served() != 0 {
		t.Errorf("%+v, %d requests upstream", resp, w.upstream.Served())
	}
}
