package attacks

import (
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/authz"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// issuers are their iss values by name. Partner has a key of the kid "ec" like
// corp's, and a max_lifetime; every takes all algorithms.
var issuers = map[string]string{
	"corp":    "https://issuer.example.com",
	"partner": "https://partner.example.com",
	"every":   "https://every.example.com",
}

// at is a time relative to now, on both clocks.
func at(d time.Duration) verify.Instant {
	t := time.Unix(now, 0).UTC().Add(d)
	return verify.Instant{Wall: t, Life: t}
}

// held is a key set that does not change.
type held struct{ set *keyset.Set }

func (h held) Set() *keyset.Set { return h.set }

var params = keyset.Params{
	Interval: 5 * time.Minute, MaxStale: 4 * time.Hour, Grace: time.Hour, RemovalConfirm: 30 * time.Second,
}

func document(t testing.TB, jwks ...string) keyset.Document {
	t.Helper()
	text := `{"keys":[`
	for i, k := range jwks {
		if i > 0 {
			text += ","
		}
		text += k
	}
	d, err := jose.ReadKeys([]byte(text + "]}"))
	if err != nil || len(d.Keys) != len(jwks) {
		t.Fatalf("%+v: %v", d.Skipped, err)
	}
	return d
}

// corpKeys have been through something: one is not in force yet, one is in grace
// since five minutes before now, and two were ordered out of service.
func corpKeys(t testing.TB) *keyset.Set {
	t.Helper()
	k := keys()
	stay := []string{
		k["ec"].jwk(nil), k["rsa"].jwk(nil), k["ps"].jwk(nil), k["ed"].jwk(nil), k["rsa-any"].jwk(nil), k["ec-any"].jwk(nil), k["ed-any"].jwk(nil),
		k["retired"].jwk(nil), k["revoked"].jwk(nil), k["pending"].jwk(map[string]any{"nbf": now + 3600}),
	}
	with, without := document(t, append(stay, k["withdrawn"].jwk(nil))...), document(t, stay...)
	set, _ := keyset.New(params).Observe(with, at(-2*time.Hour), at(-2*time.Hour))
	for _, o := range []keyset.Order{{Action: keyset.Retire, Kid: "retired"}, {Action: keyset.Revoke, Kid: "revoked"}} {
		var err error
		if set, _, err = set.Apply(o, at(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for _, when := range []time.Duration{-5 * time.Minute, -4 * time.Minute, -time.Minute} {
		set, _ = set.Observe(without, at(when), at(when))
	}
	return set
}

func observed(t testing.TB, jwks ...string) held {
	t.Helper()
	set, _ := keyset.New(params).Observe(document(t, jwks...), at(-time.Minute), at(-time.Minute))
	return held{set}
}

// verifier is the guard's, with a policy for each way to hand a token over.
func verifier(t testing.TB, cacheBytes int64) *verify.Verifier {
	t.Helper()
	k := keys()
	all := []*verify.Issuer{
		{
			Name: "corp", ID: issuers["corp"], Audiences: []string{"payments-api"}, ClockSkew: time.Minute,
			Algorithms: []string{"RS256", "PS256", "ES256", "EdDSA"}, Types: []string{"JWT", "at+jwt"}, Keys: held{corpKeys(t)},
		}, {
			Name: "partner", ID: issuers["partner"], Audiences: []string{"payments-api"}, ClockSkew: time.Minute, MaxLifetime: time.Hour,
			Algorithms: []string{"ES256"}, Types: []string{"JWT", "at+jwt"}, Keys: observed(t, k["partner"].jwk(nil), k["partner-ec"].jwk(nil)),
		}, {
			Name: "every", ID: issuers["every"], Audiences: []string{"payments-api"}, ClockSkew: time.Minute,
			Algorithms: jose.Algorithms(), Types: []string{"JWT", "at+jwt"},
			Keys: observed(t, k["rsa-any"].jwk(nil), k["ec-any"].jwk(nil), k["ec384"].jwk(nil), k["ec521"].jwk(nil), k["ed"].jwk(nil), k["ed25519"].jwk(nil), k["ed-any"].jwk(nil)),
		},
	}
	header := verify.TokenSource{Header: "authorization", Forward: true}
	sub := []verify.ClaimHeader{{Claim: "sub", Header: "x-jwt-sub"}}
	policies := []*verify.Policy{
		{Name: "default", Token: header, ClaimHeaders: sub},
		{Name: "strict", Token: header, RequiredScopes: []string{"payments"}, RequiredClaims: map[string]string{"tenant": "acme"}, ClaimHeaders: []verify.ClaimHeader{{Claim: "scope", Header: "x-jwt-scope"}}},
		{Name: "public", Token: header, ClaimHeaders: sub, AllowMissing: true},
		{Name: "custom", Token: verify.TokenSource{Header: "x-token", Forward: true}, ClaimHeaders: sub},
		{Name: "cookie", Token: verify.TokenSource{Cookie: "session", Forward: true}, ClaimHeaders: sub},
		{Name: "query", Token: verify.TokenSource{Query: "access_token", Forward: true}, ClaimHeaders: sub},
		{Name: "anywhere", Token: verify.TokenSource{Header: "authorization", Cookie: "session", Query: "access_token", Forward: true}, ClaimHeaders: sub},
	}
	for _, p := range policies {
		p.Issuers = all
	}
	v, err := verify.New(policies, cacheBytes)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// cacheBytes are enough for every token of the corpus: what was accepted before must
// not help what comes after.
const cacheBytes = 1 << 20

func newGuard(t testing.TB, v *verify.Verifier) *authz.Server {
	t.Helper()
	s, err := authz.New(authz.Config{
		Decider: v,
		Now:     func() verify.Instant { return at(0) },
		OnPanic: func(value any, stack []byte) { t.Errorf("panic: %v\n%s", value, stack) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
