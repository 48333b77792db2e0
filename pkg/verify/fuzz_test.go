package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// arena is what tokens are fuzzed against: an issuer with a key of each kind in
// service, one in grace, and some out of service.
type arena struct {
	v      *Verifier
	policy *Policy
	usable map[string]usable // by kid
	now    Instant
}

type usable struct {
	algs   []string
	key    crypto.Signer
	issued int64 // latest iat; 0: any
}

var newArena = sync.OnceValue(func() *arena {
	var listed []object
	a := &arena{usable: map[string]usable{}, now: at(0)}
	for _, s := range signers {
		kid := strings.ToLower(s.alg)
		listed = append(listed, jwk(kid, s.key()))
		u := a.usable[kid]
		u.key = s.key()
		for _, other := range signers {
			if other.kid == s.kid {
				u.algs = append(u.algs, other.alg)
			}
		}
		a.usable[kid] = u
	}
	outgoing := newECKey(p256Key().Curve)
	listed = append([]object{jwk("outgoing", outgoing, "alg", "ES256")}, listed...)
	retired, revoked := newECKey(p256Key().Curve), newECKey(p256Key().Curve)
	listed = append(listed, jwk("retired", retired), jwk("revoked", revoked),
		jwk("pending", otherKey(), "nbf", noon.Add(time.Hour).Unix()))

	set := observed(-12*time.Minute, listed...)
	set = ordered(set, -11*time.Minute, keyset.Order{Action: keyset.Retire, Kid: "retired"})
	set = ordered(set, -11*time.Minute, keyset.Order{Action: keyset.Revoke, Kid: "revoked"})
	set = ordered(set, -11*time.Minute, keyset.Order{Action: keyset.Revoke, Kid: "unseen"})
	set = observe(set, -10*time.Minute, listed[1:]...)
	set = observe(set, -time.Minute, listed[1:]...)
	a.usable["outgoing"] = usable{[]string{"ES256"}, outgoing, noon.Add(-9 * time.Minute).Unix()}

	issuer := goodScene().issuer
	issuer.Algorithms, issuer.Keys = algorithms(), holding(set)
	a.policy = &Policy{Name: DefaultPolicy, Issuers: []*Issuer{&issuer}, PayloadHeader: "x-payload",
		ClaimHeaders: []ClaimHeader{{"sub", "x-sub"}, {"c", "x-c"}, {"aud", "x-aud"}}}
	a.v = must(New([]*Policy{a.policy}, 0))
	return a
})

// signed makes a token of any texts, signed as well as can be.
func (a *arena) signed(header, payload string) string {
	var h struct{ Alg, Kid string }
	_ = json.Unmarshal([]byte(header), &h)
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	u, ok := a.usable[h.Kid]
	if !ok || !slices.Contains(u.algs, h.Alg) {
		return input + "." + encode(signature("ES256", otherKey(), input))
	}
	return input + "." + encode(signature(h.Alg, u.key, input))
}

// reallyGood judges a token anew, with the standard library alone: nothing of
// this module reads it.
func (a *arena) reallyGood(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var decoded [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil || encode(b) != p {
			return false
		}
		decoded[i] = b
	}
	var header, claims map[string]any
	if json.Unmarshal(decoded[0], &header) != nil || json.Unmarshal(decoded[1], &claims) != nil {
		return false
	}
	for _, name := range []string{"crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc"} {
		if _, there := header[name]; there {
			return false
		}
	}
	kid, _ := header["kid"].(string)
	alg, _ := header["alg"].(string)
	u, ok := a.usable[kid]
	if !ok || !slices.Contains(u.algs, alg) || !bareVerify(alg, u.key.Public(), parts[0]+"."+parts[1], decoded[2]) {
		return false
	}
	exp, okExp := claims["exp"].(float64)
	iat, okIat := claims["iat"].(float64)
	nbf, _ := claims["nbf"].(float64)
	now := float64(noon.Unix())
	_, bound := claims["cnf"]
	audiences, _ := claims["aud"].([]any)
	audiences = append(audiences, claims["aud"])
	return okExp && okIat && !bound && claims["iss"] == a.policy.Issuers[0].ID &&
		now < exp+60 && nbf <= now+60 && iat <= now+60 && exp-iat <= 3600 &&
		(u.issued == 0 || iat <= float64(u.issued)) &&
		slices.ContainsFunc(audiences, func(x any) bool { return x == "api" || x == "other-api" })
}

// bareVerify is the signature check of the standard library.
func bareVerify(alg string, key crypto.PublicKey, input string, sig []byte) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(k, []byte(input), sig)
	case *ecdsa.PublicKey:
		digest, _ := digestOf(alg, input)
		half := (k.Curve.Params().BitSize + 7) / 8
		return len(sig) == 2*half && ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:]))
	case *rsa.PublicKey:
		digest, hash := digestOf(alg, input)
		if alg[0] == 'P' {
			return rsa.VerifyPSS(k, hash, digest, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, digest, sig) == nil
	}
	return false
}

// check judges a token, and wants of every decision what must always hold.
func (a *arena) check(t *testing.T, token string) Decision {
	d := a.v.Decide(a.policy, token, a.now)
	if d.OK() && !a.reallyGood(token) {
		t.Fatalf("accepted: %q", token)
	}
	if (d.Verdict == Allow) != d.OK() || !d.OK() && d.Verdict != Deny || !slices.Contains(Reasons(), d.Reason) {
		t.Fatalf("%q gives %s, %s", token, d.Verdict, d.Reason)
	}
	if !d.OK() && d.Headers != nil || d.OK() && (!d.State.Usable() || d.Key == nil || d.Detail != "") {
		t.Fatalf("%q gives %+v", token, d)
	}
	for _, h := range d.Headers {
		if h.Value == "" || len(h.Value) > maxPayloadHeader || strings.ContainsFunc(h.Value, func(c rune) bool { return c < 0x20 || c > 0x7e }) {
			t.Fatalf("header %s: %q", h.Name, h.Value)
		}
	}
	explained, reports := a.v.Explain(a.policy, token, a.now)
	d.Signature, explained.Signature = 0, 0 // there are only so many checks a second
	if diff := cmp.Diff(d, explained, samePointers); diff != "" || len(reports) != len(steps) {
		t.Fatalf("%q is explained by another decision: %s", token, diff)
	}
	return d
}

const (
	fuzzHeader  = `{"alg":"ALG","kid":"KID","typ":"at+jwt"}`
	fuzzPayload = `{"iss":"https://issuer.example.com","aud":"api","sub":"alice","c":["a","b"],"iat":1795433400,"nbf":1795433400,"exp":1795437000}`
)

// FuzzDecide judges any text, and any header and payload under the best
// signature that there is, whole and with one bit changed. Nothing may panic,
// and nothing may be accepted that is not good by a second opinion.
func FuzzDecide(f *testing.F) {
	for _, s := range signers {
		header := strings.NewReplacer("ALG", s.alg, "KID", strings.ToLower(s.alg)).Replace(fuzzHeader)
		f.Add("a.b.c", header, fuzzPayload, uint(700))
	}
	for _, kid := range []string{"outgoing", "retired", "revoked", "pending", "unseen", "other", ""} {
		f.Add("", strings.NewReplacer("ALG", "ES256", "KID", kid).Replace(fuzzHeader), fuzzPayload, uint(3))
	}
	for _, tt := range refusals() {
		s := goodScene()
		tt.spoil(s)
		f.Add(s.token(), s.header.text(), s.claims.text(), uint(1000))
	}
	f.Add("..", `{"alg":"none"}`, `{}`, uint(0))
	f.Fuzz(func(t *testing.T, text, header, payload string, bit uint) {
		a := newArena()
		a.check(t, text)
		token := a.signed(header, payload)
		a.check(t, token)
		broken := []byte(token)
		broken[bit/8%uint(len(broken))] ^= 1 << (bit % 8)
		if d := a.check(t, string(broken)); d.OK() {
			t.Fatalf("accepted with bit %d changed: %q", bit, token)
		}
		// The parts of one token with those of another.
		if other := strings.Split(text, "."); len(other) == 3 {
			parts := strings.Split(token, ".")
			a.check(t, parts[0]+"."+other[1]+"."+parts[2])
			a.check(t, other[0]+"."+parts[1]+"."+parts[2])
			a.check(t, parts[0]+"."+parts[1]+"."+other[2])
		}
	})
}

// The seeds are worth something: the good ones are accepted.
func TestFuzzSeedsAreGood(t *testing.T) {
	a := newArena()
	for _, s := range signers {
		token := a.signed(strings.NewReplacer("ALG", s.alg, "KID", strings.ToLower(s.alg)).Replace(fuzzHeader), fuzzPayload)
		if d := a.check(t, token); !d.OK() || !a.reallyGood(token) {
			t.Errorf("%s: %s (%s)", s.alg, d.Reason, d.Detail)
		}
	}
}

// Every bit of a good token counts.
func TestEveryBitCounts(t *testing.T) {
	token := goodScene().token()
	v, p := goodScene().verifier(t)
	if d := v.Decide(p, token, at(0)); !d.OK() {
		t.Fatal(d.Reason)
	}
	for i := range len(token) * 8 {
		b := []byte(token)
		b[i/8] ^= 1 << (i % 8)
		if d := v.Decide(p, string(b), at(0)); d.OK() || d.Verdict != Deny {
			t.Errorf("accepted with bit %d changed", i)
		}
	}
	for i := range len(token) {
		if d := v.Decide(p, token[:i], at(0)); d.OK() {
			t.Errorf("accepted when cut at %d", i)
		}
		if d := v.Decide(p, token[:i]+token[i+1:], at(0)); d.OK() {
			t.Errorf("accepted without character %d", i)
		}
		if d := v.Decide(p, token[:i]+token[i:i+1]+token[i:], at(0)); d.OK() {
			t.Errorf("accepted with character %d doubled", i)
		}
	}
}
