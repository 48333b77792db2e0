package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// The keys of the tests are made once a run: that of RSA takes long. Nothing in
// these tests uses jwx, so that no mistake of it can hide here.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	p256Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P256()) })
	otherKey = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P256()) })
	p384Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P384()) })
	p521Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P521()) })
	edKey    = sync.OnceValue(newEdKey)
)

func newEdKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

func newECKey(c elliptic.Curve) *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(c, rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signature is that of RFC 7518, sections 3.3 to 3.5, and RFC 8037, section 3.1,
// written down a second time.
func signature(alg string, key crypto.Signer, input string) []byte {
	if alg == "EdDSA" || alg == "Ed25519" {
		return must(key.Sign(nil, []byte(input), crypto.Hash(0)))
	}
	digest, hash := digestOf(alg, input)
	switch alg[:2] {
	case "PS":
		return must(key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}))
	case "ES":
		k := key.(*ecdsa.PrivateKey)
		r, s, err := ecdsa.Sign(rand.Reader, k, digest)
		return joined(k.Curve, must(r, err), s)
	}
	return must(key.Sign(rand.Reader, digest, hash))
}

// joined is R and S, each as long as a coordinate.
func joined(c elliptic.Curve, r, s *big.Int) []byte {
	b := make([]byte, (c.Params().BitSize+7)/8*2)
	r.FillBytes(b[:len(b)/2])
	s.FillBytes(b[len(b)/2:])
	return b
}

func digestOf(alg, input string) ([]byte, crypto.Hash) {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	h := hash.New()
	h.Write([]byte(input))
	return h.Sum(nil), hash
}

// object is a JSON object in the making. A json.RawMessage stands as it is.
type object map[string]any

func (o object) text() string { return string(must(json.Marshal(o))) }

// without is a copy that lacks a member.
func (o object) without(name string) object {
	c := object{}
	for k, v := range o {
		if k != name {
			c[k] = v
		}
	}
	return c
}

type raw = json.RawMessage

// jwk is the public JWK of a key. Further members are given name and value by
// turns.
func jwk(kid string, key crypto.Signer, more ...any) object {
	o := object{"kid": kid}
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		o["kty"], o["n"], o["e"] = "RSA", encode(k.N.Bytes()), encode(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PublicKey:
		point := must(k.Bytes())[1:]
		o["kty"], o["crv"] = "EC", k.Curve.Params().Name
		o["x"], o["y"] = encode(point[:len(point)/2]), encode(point[len(point)/2:])
	case ed25519.PublicKey:
		o["kty"], o["crv"], o["x"] = "OKP", "Ed25519", encode(k)
	}
	for i := 0; i < len(more); i += 2 {
		o[more[i].(string)] = more[i+1]
	}
	return o
}

func document(keys ...object) keyset.Document {
	return must(jose.ReadKeys([]byte(object{"keys": keys}.text())))
}

// The time of the tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// at is noon and some more, on both clocks.
func at(d time.Duration) Instant { return Instant{Wall: noon.Add(d), Life: noon.Add(d)} }

var params = keyset.Params{
	Interval: 5 * time.Minute, MaxStale: time.Hour, Grace: time.Hour, RemovalConfirm: 30 * time.Second,
}

// observed is a set after one document.
func observed(when time.Duration, keys ...object) *keyset.Set {
	return observe(keyset.New(params), when, keys...)
}

func observe(set *keyset.Set, when time.Duration, keys ...object) *keyset.Set {
	set, _ = set.Observe(document(keys...), at(when), at(when))
	return set
}

// withdrawn is a set whose key ec was listed until 12 minutes before noon and
// lacks since 10 minutes before noon: it is in grace since then, for an hour.
func withdrawn() *keyset.Set {
	set := observed(-12*time.Minute, published()...)
	set = observe(set, -10*time.Minute, published()[1:]...)
	return observe(set, -time.Minute, published()[1:]...)
}

// ordered is a set after one order, given at a time around noon.
func ordered(set *keyset.Set, when time.Duration, o keyset.Order) *keyset.Set {
	set, _, err := set.Apply(o, at(when))
	return must(set, err)
}

// published are the keys of the good issuer.
func published() []object {
	return []object{
		jwk("ec", p256Key(), "alg", "ES256"),
		jwk("rsa", rsaKey(), "alg", "RS256"),
		jwk("ed", edKey(), "alg", "EdDSA"),
	}
}

// holder is where an issuer's set is found, and can be swapped.
type holder struct{ atomic.Pointer[keyset.Set] }

func (h *holder) Set() *keyset.Set { return h.Load() }

func holding(s *keyset.Set) *holder {
	h := new(holder)
	h.Store(s)
	return h
}

// scene is one token, what it is judged by, and when. That of goodScene is
// accepted; a test changes it in one place.
type scene struct {
	key    crypto.Signer // signs
	alg    string        // signs with; the header has it too
	header object
	claims object
	text   func(token string) string // last change to the token; nil: none
	set    *keyset.Set
	issuer Issuer
	policy Policy
	now    Instant
}

func goodScene() *scene {
	return &scene{
		key: p256Key(), alg: "ES256",
		header: object{"alg": "ES256", "kid": "ec", "typ": "at+jwt"},
		claims: object{
			"iss": "https://issuer.example.com", "aud": "api", "sub": "alice", "scope": "read write", "tenant": "acme",
			"iat": noon.Add(-30 * time.Minute).Unix(), "nbf": noon.Add(-30 * time.Minute).Unix(), "exp": noon.Add(30 * time.Minute).Unix(),
		},
		set: observed(-time.Minute, published()...),
		issuer: Issuer{
			Name: "corp", ID: "https://issuer.example.com", Audiences: []string{"api", "other-api"},
			Algorithms: []string{"RS256", "ES256", "EdDSA"}, Types: []string{"at+jwt", "JWT"},
			MaxLifetime: time.Hour, ClockSkew: time.Minute,
		},
		policy: Policy{
			Name: DefaultPolicy, RequiredScopes: []string{"read"}, RequiredClaims: map[string]string{"tenant": "acme"},
		},
		now: at(0),
	}
}

// token signs what the scene says, whatever it says.
func (s *scene) token() string {
	input := encode([]byte(s.header.text())) + "." + encode([]byte(s.claims.text()))
	token := input + "." + encode(signature(s.alg, s.key, input))
	if s.text != nil {
		token = s.text(token)
	}
	return token
}

// verifier is the scene's, with the policy to ask it about.
func (s *scene) verifier(t testing.TB) (*Verifier, *Policy) {
	t.Helper()
	return s.cached(t, 0)
}

// cached is a verifier with a token cache of so many bytes. Further policies take
// the scene's issuer.
func (s *scene) cached(t testing.TB, bytes int64, more ...*Policy) (*Verifier, *Policy) {
	t.Helper()
	issuer, policy := s.issuer, s.policy
	issuer.Keys = holding(s.set)
	if policy.Issuers == nil {
		policy.Issuers = []*Issuer{&issuer}
	}
	for _, p := range more {
		p.Issuers = policy.Issuers
	}
	v, err := New(append(more, &policy), bytes)
	if err != nil {
		t.Fatal(err)
	}
	return v, &policy
}

func (s *scene) decide(t testing.TB) Decision {
	t.Helper()
	v, p := s.verifier(t)
	return v.Decide(p, s.token(), s.now)
}

// expect judges the scene and wants a reason, and the verdict that goes with it.
func (s *scene) expect(t testing.TB, want Reason) Decision {
	t.Helper()
	d := s.decide(t)
	if d.Reason != want {
		t.Errorf("%s (%s), want %s", d.Reason, d.Detail, want)
	}
	if (d.Verdict == Allow) != (d.Reason == OK) || d.OK() != (d.Reason == OK) {
		t.Errorf("%s gives the verdict %s and OK() %t", d.Reason, d.Verdict, d.OK())
	}
	return d
}

// part gives one of the three parts of a token.
func part(token string, i int) string { return strings.Split(token, ".")[i] }

// replaced is a text change: another part in place of one of the three.
func replaced(i int, with string) func(string) string {
	return func(token string) string {
		parts := strings.Split(token, ".")
		parts[i] = with
		return strings.Join(parts, ".")
	}
}

// forged spoils one bit of the signature.
func forged(token string) string {
	b := must(base64.RawURLEncoding.DecodeString(part(token, 2)))
	b[len(b)/2] ^= 1
	return replaced(2, encode(b))(token)
}
