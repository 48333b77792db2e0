package verify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// fault makes a scene fail for one reason. Two faults that touch the same thing
// cannot stand in one token.
type fault struct {
	want    Reason
	touches string
	apply   func(*scene)
}

// faults are in the order of section 4: whichever two of them a token has, the
// earlier one is the reason.
func faults() []fault {
	listed := goodScene().set
	tooLong := func(s *scene) { s.claims["pad"] = strings.Repeat("x", 8192) }
	inGrace := func(s *scene) {
		s.set = withdrawn()
		if s.claims["iat"] != nil {
			s.claims["iat"] = noon.Add(-8 * time.Minute).Unix()
		}
	}
	return []fault{
		{TokenTooLarge, "size", tooLong},
		{TokenMalformed, "text", func(s *scene) { s.text = func(t string) string { return forged(t) + "=" } }},
		{TokenMalformed, "deep", claim("deep", raw(strings.Repeat("[", 32)+strings.Repeat("]", 32)))},
		{HeaderForbidden, "crit", header("crit", []string{"exp"})},

		{ClaimMissing, "iss", noClaim("iss")},
		{ClaimInvalid, "iss", claim("iss", 1)},
		{IssuerUnknown, "iss", claim("iss", "https://evil.example.com")},
		{AlgNotAllowed, "alg", header("alg", "none")},
		{TypNotAllowed, "typ", header("typ", "logout+jwt")},

		{KidMissing, "kid", noHeader("kid")},
		{KeysUnavailable, "set", keys(keyset.New(params))},
		{KeysStale, "set", keys(observed(-2*time.Hour, published()...))},
		{KidUnknown, "kid set", header("kid", "other")},
		{KeyPending, "set", keys(observed(-time.Minute, jwk("ec", p256Key(), "alg", "ES256", "nbf", noon.Add(time.Minute).Unix())))},
		{KeyRetired, "set", keys(ordered(listed, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"}))},
		{KeyRevoked, "set", keys(ordered(listed, 0, keyset.Order{Action: keyset.Revoke, Kid: "ec"}))},

		{AlgMismatch, "alg", header("alg", "RS256")},
		{SignatureInvalid, "text", text(forged)},

		{ClaimMissing, "exp", noClaim("exp")},
		{ClaimInvalid, "exp", claim("exp", "soon")},
		{ClaimInvalid, "nbf", claim("nbf", raw("1.0"))},
		{ClaimMissing, "iat", noClaim("iat")},
		{ClaimInvalid, "iat", claim("iat", true)},
		{ClaimMissing, "aud", noClaim("aud")},
		{ClaimInvalid, "aud", claim("aud", 1)},
		{TokenExpired, "exp", claim("exp", noon.Add(-time.Hour).Unix())},
		{TokenNotYetValid, "nbf", claim("nbf", noon.Add(time.Hour).Unix())},
		{IssuedInFuture, "iat", claim("iat", noon.Add(time.Hour).Unix())},
		{LifetimeTooLong, "exp", claim("exp", noon.Add(3*time.Hour).Unix())},
		{AudienceMismatch, "aud", claim("aud", "else")},

		{IssuedAfterWithdrawal, "set", inGrace},
		{PopRequired, "cnf", claim("cnf", object{})},
		{ScopeInsufficient, "scope", noClaim("scope")},
		{ClaimMismatch, "tenant", claim("tenant", "other")},
	}
}

// A reason must tell the same whichever other fault a token has too. Some pairs
// are a matter of safety: the issuer before the key, the state before the
// signature, the signature before anything that the claims say.
func TestEarlierReasonWins(t *testing.T) {
	all := faults()
	shared := func(a, b fault) bool {
		return slices.ContainsFunc(strings.Fields(a.touches), func(s string) bool { return slices.Contains(strings.Fields(b.touches), s) })
	}
	for i, first := range all {
		alone := goodScene()
		first.apply(alone)
		alone.expect(t, first.want)
		for _, second := range all[i+1:] {
			if shared(first, second) {
				continue
			}
			s := goodScene()
			second.apply(s)
			first.apply(s) // last, so that what it does to the token stands
			if d := s.decide(t); d.Reason != first.want {
				t.Errorf("%s (%s) and %s (%s): %s (%s)", first.want, first.touches, second.want, second.touches, d.Reason, d.Detail)
			}
		}
	}
}

// Step 7: a key out of service is found, and refused for good, before it is asked
// whether the set can be used; only then what the set does not have.
func TestOutOfServiceBeforeUnusableSet(t *testing.T) {
	retire := keyset.Order{Action: keyset.Retire, Kid: "ec"}
	revoke := keyset.Order{Action: keyset.Revoke, Kid: "ec"}
	fresh := keyset.New(params)
	old := observed(-2*time.Hour, published()...)
	good := goodScene().set
	for _, tt := range []struct {
		name      string
		set       *keyset.Set
		kid       string
		want      Reason
		signature keyset.Signature
	}{
		{"never fetched, retired unseen", ordered(fresh, 0, retire), "ec", KeyRetired, keyset.Unchecked},
		{"never fetched, revoked unseen", ordered(fresh, 0, revoke), "ec", KeyRevoked, keyset.Unchecked},
		{"never fetched, another retired", ordered(fresh, 0, retire), "rsa", KeysUnavailable, keyset.Unchecked},
		{"stale, retired", ordered(old, 0, retire), "ec", KeyRetired, keyset.Valid},
		{"stale, revoked", ordered(old, 0, revoke), "ec", KeyRevoked, keyset.Valid},
		{"stale, another retired", ordered(old, 0, retire), "other", KeysStale, keyset.Unchecked},
		{"stale, unknown", old, "other", KeysStale, keyset.Unchecked},
		{"stale and failing, unknown", old.WithFailure(), "other", KeysStale, keyset.Unchecked},
		{"failing, unknown", good.WithFailure(), "other", KeysUnavailable, keyset.Unchecked},
		{"failing, retired", ordered(good, 0, retire).WithFailure(), "ec", KeyRetired, keyset.Valid},
		{"failing, known", good.WithFailure(), "ec", OK, keyset.Unchecked},
		{"retired from the next second on, seen", ordered(good, 0, keyset.Order{Action: keyset.Retire, Kid: "ec", At: noon.Add(time.Second)}), "ec", OK, keyset.Unchecked},
		{"retired from the next second on, unseen", ordered(good, 0, keyset.Order{Action: keyset.Retire, Kid: "new", At: noon.Add(time.Second)}), "new", KidUnknown, keyset.Unchecked},
		{"never fetched, retired from the next second on", ordered(fresh, 0, keyset.Order{Action: keyset.Retire, Kid: "ec", At: noon.Add(time.Second)}), "ec", KeysUnavailable, keyset.Unchecked},
		{"never fetched, retired with a grace, unseen", ordered(fresh, 0, keyset.Order{Action: keyset.Retire, Kid: "ec", Grace: time.Hour}), "ec", KeyRetired, keyset.Unchecked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			s.set = tt.set
			s.header["kid"] = tt.kid
			d := s.expect(t, tt.want)
			if d.Signature != tt.signature {
				t.Errorf("signature %s, want %s", d.Signature, tt.signature)
			}
			if waits := slices.Contains([]Reason{KidUnknown, KeysStale, KeysUnavailable}, tt.want); waits != (d.Refresh == AwaitRefresh) {
				t.Errorf("%s asks for refresh %d", tt.want, d.Refresh)
			}
		})
	}
}

// The keys of the wrong issuer are not even looked at (RFC 8725, section 3.8).
func TestUnknownIssuerTouchesNoKeys(t *testing.T) {
	s := goodScene()
	issuer, policy := s.issuer, s.policy
	issuer.Keys = forbiddenKeys{t}
	policy.Issuers = []*Issuer{&issuer}
	v := must(New([]*Policy{&policy}, 0))
	for name, v2 := range map[string]any{"unknown": "https://evil.example.com", "no string": []string{issuer.ID}} {
		s.claims["iss"] = v2
		if d := v.Decide(&policy, s.token(), s.now); d.OK() || d.Issuer != nil || d.Key != nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
	s = goodScene()
	s.header["alg"] = "none"
	if d := v.Decide(&policy, s.token(), s.now); d.Reason != AlgNotAllowed {
		t.Errorf("%s (%s)", d.Reason, d.Detail)
	}
}

type forbiddenKeys struct{ t *testing.T }

func (f forbiddenKeys) Set() *keyset.Set {
	f.t.Error("the key set was looked at")
	return keyset.New(params)
}

// The steps that explain shows are those of the contract, each once.
func TestStepsAreThoseOfTheContract(t *testing.T) {
	var numbers []string
	for _, s := range steps {
		numbers = append(numbers, s.number)
	}
	if got := fmt.Sprint(numbers); got != "[2-4 5 6 7 8 9 10 11 12]" {
		t.Error(got)
	}
}
