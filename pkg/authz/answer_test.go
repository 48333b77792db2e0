package authz

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// decided is a server whose decider always decides so.
func decided(t *testing.T, p *verify.Policy, d verify.Decision) *Server {
	p.Name = verify.DefaultPolicy
	d.Policy = p
	return newServer(t, Config{Decider: &fake{
		policies: []*verify.Policy{p},
		decide:   func(*verify.Policy, string, verify.Instant) verify.Decision { return d },
	}})
}

func TestEachReasonHasItsAnswer(t *testing.T) {
	const (
		missing  = `Bearer realm="api"`
		several  = missing + `, error="invalid_request", error_description="The request carries more than one credential"`
		bad      = missing + `, error="invalid_token", error_description="The access token is expired, revoked, malformed, or invalid for other reasons"`
		claim    = missing + `, error="insufficient_scope", error_description="The request requires higher privileges than provided by the access token"`
		scope    = claim + `, scope="read write"`
		metadata = `, resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"`
	)
	type row struct {
		code                    codes.Code
		http                    int32
		challenge, retry, error string
	}
	var (
		badToken = row{codes.Unauthenticated, 401, bad, "", "invalid_token"}
		away     = row{codes.Unavailable, 503, "", "10", "temporarily_unavailable"}
		ours     = row{codes.Unavailable, 503, "", "1", "temporarily_unavailable"}
	)
	want := map[verify.Reason]row{
		verify.PolicyUnknown:         {codes.PermissionDenied, 403, "", "", "forbidden"},
		verify.TokenMissing:          {codes.Unauthenticated, 401, missing, "", "unauthorized"},
		verify.MultipleCredentials:   {codes.InvalidArgument, 400, several, "", "invalid_request"},
		verify.TokenTooLarge:         badToken,
		verify.TokenMalformed:        badToken,
		verify.HeaderForbidden:       badToken,
		verify.ClaimMissing:          badToken,
		verify.ClaimInvalid:          badToken,
		verify.IssuerUnknown:         badToken,
		verify.AlgNotAllowed:         badToken,
		verify.TypNotAllowed:         badToken,
		verify.KidMissing:            badToken,
		verify.KidUnknown:            badToken,
		verify.KeyPending:            badToken,
		verify.KeyRetired:            badToken,
		verify.KeyRevoked:            badToken,
		verify.AlgMismatch:           badToken,
		verify.SignatureInvalid:      badToken,
		verify.TokenExpired:          badToken,
		verify.TokenNotYetValid:      badToken,
		verify.IssuedInFuture:        badToken,
		verify.LifetimeTooLong:       badToken,
		verify.AudienceMismatch:      badToken,
		verify.IssuedAfterWithdrawal: badToken,
		verify.PopRequired:           badToken,
		verify.ScopeInsufficient:     {codes.PermissionDenied, 403, scope, "", "insufficient_scope"},
		verify.ClaimMismatch:         {codes.PermissionDenied, 403, claim, "", "insufficient_scope"},
		verify.KeysUnavailable:       away,
		verify.KeysStale:             away,
		verify.Overloaded:            ours,
		verify.InternalError:         ours,
	}
	for _, reason := range verify.Reasons() {
		w, ok := want[reason]
		if !ok {
			if reason != verify.OK && reason != verify.MissingAllowed {
				t.Errorf("%s has no row here", reason)
			}
			continue
		}
		for _, meta := range []string{"", metadata} {
			p := bearer("")
			p.Realm, p.RequiredScopes = "api", []string{"read", "write"}
			p.ResourceMetadata = strings.TrimSuffix(strings.TrimPrefix(meta, `, resource_metadata="`), `"`)
			got := askServer(t, decided(t, p, verify.Decision{Verdict: verify.Deny, Reason: reason}), raw("/", "authorization: Bearer x"))
			headers := map[string]string{"content-type": "application/json"}
			if w.challenge != "" {
				headers["www-authenticate"] = w.challenge + meta
			}
			if w.retry != "" {
				headers["retry-after"] = w.retry
			}
			wanted := answer{code: int32(w.code), http: w.http, headers: headers, body: `{"error":"` + w.error + `"}`, meta: map[string]string{
				"decision": "deny", "reason": string(reason), "policy": "default", "issuer": "", "kid": "", "thumbprint": "", "alg": "", "key_state": "",
			}}
			if diff := cmp.Diff(wanted, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", reason, diff)
			}
		}
	}
}

// TestContradictionsAreDenied: only verdicts that fit reason and policy pass.
func TestContradictionsAreDenied(t *testing.T) {
	for name, d := range map[string]verify.Decision{
		"nothing decided":             {},
		"no verdict":                  {Reason: verify.OK},
		"unknown verdict":             {Verdict: 99, Reason: verify.OK},
		"allowed though expired":      {Verdict: verify.Allow, Reason: verify.TokenExpired},
		"allowed without reason":      {Verdict: verify.Allow},
		"missing, though not allowed": {Verdict: verify.Allow, Reason: verify.MissingAllowed},
		"shadow, though enforcing":    {Verdict: verify.ShadowDeny, Reason: verify.TokenExpired},
		"denied though good":          {Verdict: verify.Deny, Reason: verify.OK},
	} {
		got := askServer(t, decided(t, bearer(""), d), raw("/", "authorization: Bearer x"))
		if got.passes || got.http != 503 || got.reason() != "internal_error" || got.meta["decision"] != "deny" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got := askServer(t, decided(t, bearer(""), verify.Decision{Verdict: verify.Deny, Reason: "of_the_future"}), raw("/", "authorization: Bearer x"))
	if got.passes || got.http != 503 {
		t.Errorf("unknown reason: %+v", got)
	}
}

func TestMetadataNamesTheKeyBehindTheDecision(t *testing.T) {
	key := accepted(bearer(""))
	for name, tc := range map[string]struct {
		decision verify.Decision
		want     map[string]string
	}{
		"accepted": {key, map[string]string{
			"decision": "allow", "reason": "ok", "policy": "default", "issuer": "corp",
			"kid": "k1", "thumbprint": "tp-1", "alg": "ES256", "key_state": "active",
		}},
		"retired": {
			verify.Decision{Verdict: verify.Deny, Reason: verify.KeyRetired, Issuer: corp, Key: key.Key, Kid: "k1", Alg: "RS256", State: 4},
			map[string]string{
				"decision": "deny", "reason": "key_retired", "policy": "default", "issuer": "corp",
				"kid": "k1", "thumbprint": "tp-1", "alg": "RS256", "key_state": "retired",
			},
		},
		"unknown kid": { // nothing that the client made up
			verify.Decision{Verdict: verify.Deny, Reason: verify.KidUnknown, Issuer: corp, Kid: "made-up", Alg: "RS256", State: 2},
			map[string]string{
				"decision": "deny", "reason": "kid_unknown", "policy": "default", "issuer": "corp",
				"kid": "", "thumbprint": "", "alg": "", "key_state": "",
			},
		},
		"not ASCII": {
			verify.Decision{Verdict: verify.Deny, Reason: verify.TokenExpired, Issuer: &verify.Issuer{Name: "é\xff"}, Key: key.Key, Kid: "k\r\n1"},
			map[string]string{
				"decision": "deny", "reason": "token_expired", "policy": "default", "issuer": "???",
				"kid": "k??1", "thumbprint": "tp-1", "alg": "", "key_state": "",
			},
		},
	} {
		got := askServer(t, decided(t, bearer(""), tc.decision), raw("/", "authorization: Bearer x"))
		if diff := cmp.Diff(tc.want, got.meta); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestChallengesCannotBeSplit: Envoy sends CR and LF in a header to the client as
// they are, and one byte that is not UTF-8 would make a gRPC error of the answer.
func TestChallengesCannotBeSplit(t *testing.T) {
	p := bearer("")
	p.Realm = "a\"b\\c\r\nset-cookie: x\xff"
	p.RequiredScopes = []string{"re\"ad\n", "é"}
	p.ResourceMetadata = "https://x/\x00"
	got := askServer(t, decided(t, p, verify.Decision{Verdict: verify.Deny, Reason: verify.ScopeInsufficient}), raw("/", "authorization: Bearer x"))
	want := `Bearer realm="a\"b\\c??set-cookie: x?", error="insufficient_scope", ` +
		`error_description="The request requires higher privileges than provided by the access token", scope="re\"ad? ??", resource_metadata="https://x/?"`
	if diff := cmp.Diff(want, got.headers["www-authenticate"]); diff != "" {
		t.Error(diff)
	}
}

func TestShadowLetsEverythingPassAndReportsIt(t *testing.T) {
	for value, want := range map[string]string{
		"Bearer x":          "token_malformed",
		"Bearer x,Bearer y": "multiple_credentials",
		"Basic x":           "token_missing",
	} {
		p := bearer("")
		p.Shadow = true
		p.ClaimHeaders = []verify.ClaimHeader{{Claim: "sub", Header: "x-jwt-sub"}}
		got := ask(t, p, raw("/", "authorization: "+value, "x-jwt-sub: forged"))
		wanted := answer{passes: true, headers: map[string]string{}, removed: []string{"x-jwt-sub", "x-jwt_sub", "x_jwt-sub", "x_jwt_sub"}, meta: map[string]string{
			"decision": "shadow_deny", "reason": want, "policy": "default", "issuer": "", "kid": "", "thumbprint": "", "alg": "", "key_state": "",
		}}
		if diff := cmp.Diff(wanted, got, cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
	}
}

// TestOnlyAcceptedTokensSetHeaders, even if a decision has some by mistake.
func TestOnlyAcceptedTokensSetHeaders(t *testing.T) {
	p := bearer("")
	p.Shadow = true
	p.ClaimHeaders = []verify.ClaimHeader{{Claim: "sub", Header: "x-sub"}}
	d := accepted(p)
	d.Verdict, d.Reason = verify.ShadowDeny, verify.TokenExpired
	got := askServer(t, decided(t, p, d), raw("/", "authorization: Bearer x"))
	if !got.passes || len(got.headers) != 0 || len(got.removed) != 2 {
		t.Errorf("%+v", got)
	}
}
