package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/jose"
)

// signers are all algorithms of the contract, each with the key that it fits.
var signers = []struct {
	alg, kid string
	key      func() crypto.Signer
}{
	{"RS256", "rsa", func() crypto.Signer { return rsaKey() }},
	{"RS384", "rsa", func() crypto.Signer { return rsaKey() }},
	{"RS512", "rsa", func() crypto.Signer { return rsaKey() }},
	{"PS256", "rsa", func() crypto.Signer { return rsaKey() }},
	{"PS384", "rsa", func() crypto.Signer { return rsaKey() }},
	{"PS512", "rsa", func() crypto.Signer { return rsaKey() }},
	{"ES256", "p256", func() crypto.Signer { return p256Key() }},
	{"ES384", "p384", func() crypto.Signer { return p384Key() }},
	{"ES512", "p521", func() crypto.Signer { return p521Key() }},
	{"EdDSA", "ed", func() crypto.Signer { return edKey() }},
	{"Ed25519", "ed", func() crypto.Signer { return edKey() }},
}

func algorithms() []string {
	var names []string
	for _, s := range signers {
		names = append(names, s.alg)
	}
	return names
}

// anyAlg is a scene whose issuer uses all algorithms, and keys of all types.
func anyAlg(alg, kid string, key crypto.Signer, listed ...object) *scene {
	s := goodScene()
	s.issuer.Algorithms = algorithms()
	s.header["alg"], s.header["kid"] = alg, kid
	s.alg, s.key = alg, key
	s.set = observed(-time.Minute, listed...)
	return s
}

// Each algorithm verifies with its own key, whether or not the key says for which
// one it is; a key that is for one is not for any other (RFC 8725, section 3.1).
func TestKeyIsForOneAlgorithm(t *testing.T) {
	for _, token := range signers {
		for _, key := range signers {
			named := jwk(key.kid, key.key(), "alg", key.alg)
			want := AlgMismatch
			if token.alg == key.alg {
				want = OK
			}
			d := anyAlg(token.alg, key.kid, token.key(), named).expect(t, want)
			if d.Alg != token.alg || d.Kid != key.kid {
				t.Errorf("%s with the key for %s is told to be %s with %s", token.alg, key.alg, d.Alg, d.Kid)
			}

			want = AlgMismatch
			if token.kid == key.kid {
				want = OK // any RSA algorithm, the one of the curve
			}
			anyAlg(token.alg, key.kid, token.key(), jwk(key.kid, key.key())).expect(t, want)
		}
	}
}

// A key without alg is for those of the issuer's algorithms that fit it, and for
// no other.
func TestKeyWithoutAlgObeysTheIssuer(t *testing.T) {
	for _, s := range signers {
		scene := anyAlg(s.alg, s.kid, s.key(), jwk(s.kid, s.key()))
		scene.issuer.Algorithms = allBut(s.alg)
		scene.expect(t, AlgNotAllowed)
	}
}

// A key's own alg decides, if the issuer uses it; without one, all that fit.
func TestAlgorithmsOfAKey(t *testing.T) {
	all := algorithms()
	for name, c := range map[string]struct {
		key     object
		issuers []string
		want    []string
	}{
		"its alg":                   {jwk("k", rsaKey(), "alg", "RS256"), all, []string{"RS256"}},
		"its alg is not used":       {jwk("k", rsaKey(), "alg", "RS384"), []string{"RS256", "PS256"}, []string{}},
		"its alg has another name":  {jwk("k", edKey(), "alg", "Ed25519"), []string{"EdDSA"}, []string{}},
		"no alg, RSA":               {jwk("k", rsaKey()), []string{"PS256", "ES256", "RS256"}, []string{"PS256", "RS256"}},
		"no alg, one curve":         {jwk("k", p384Key()), all, []string{"ES384"}},
		"no alg, two names for one": {jwk("k", edKey()), all, []string{"EdDSA", "Ed25519"}},
		"no alg, none fits":         {jwk("k", p384Key()), []string{"RS256", "ES256"}, []string{}},
	} {
		key, _ := observed(-time.Minute, c.key).Lookup("k")
		if diff := cmp.Diff(c.want, AlgorithmsOf(key.Key, c.issuers)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func allBut(alg string) []string {
	var others []string
	for _, a := range algorithms() {
		if a != alg {
			others = append(others, a)
		}
	}
	return others
}

// Under an alg that fits the key, a signature of another alg is invalid: PS256
// is not RS256, RS384 not RS256. Ed25519 is EdDSA, but for its name (RFC 9864,
// section 2.2).
func TestSignatureOfAnotherAlgorithm(t *testing.T) {
	for _, said := range signers {
		for _, done := range signers {
			if said.alg == done.alg || said.kid != done.kid {
				continue
			}
			s := anyAlg(said.alg, said.kid, said.key(), jwk(said.kid, said.key()))
			s.alg = done.alg
			want := SignatureInvalid
			if said.kid == "ed" {
				want = OK
			}
			s.expect(t, want)
		}
	}
}

// CVE-2016-10555: the public key as an HMAC secret. Even an issuer that is set
// up for it, past the configuration, gets nothing.
func TestSymmetricAndNoneNeverVerify(t *testing.T) {
	for _, alg := range []string{"HS256", "none", "", "ES256K", "ESP256", "Ed448", "RS1"} {
		for _, listed := range []object{jwk("k", rsaKey()), jwk("k", p256Key()), jwk("k", edKey())} {
			s := goodScene()
			s.set = observed(-time.Minute, listed)
			s.issuer.Algorithms = append(s.issuer.Algorithms, alg)
			s.header["alg"], s.header["kid"] = alg, "k"
			s.expect(t, AlgMismatch)
			s.text = replaced(2, "")
			s.expect(t, AlgMismatch)
		}
	}
}

func TestSignatureForms(t *testing.T) {
	n := p256Key().Curve.Params().N
	zero, one := new(big.Int), big.NewInt(1)
	der := func(s *scene) {
		input := encode([]byte(s.header.text())) + "." + encode([]byte(s.claims.text()))
		digest, _ := digestOf("ES256", input)
		s.text = replaced(2, encode(must(ecdsa.SignASN1(rand.Reader, p256Key(), digest))))
	}
	fixed := func(sig []byte) func(*scene) { return func(s *scene) { s.text = replaced(2, encode(sig)) } }
	pair := func(r, s *big.Int) func(*scene) { return fixed(joined(p256Key().Curve, r, s)) }
	pss := func(salt int) func(*scene) {
		return func(s *scene) {
			input := encode([]byte(s.header.text())) + "." + encode([]byte(s.claims.text()))
			digest, hash := digestOf("PS256", input)
			s.text = replaced(2, encode(must(rsa.SignPSS(rand.Reader, rsaKey(), hash, digest, &rsa.PSSOptions{SaltLength: salt}))))
		}
	}
	for _, tt := range []struct {
		name, alg, kid string
		key            crypto.Signer
		spoil          func(*scene)
		want           Reason
	}{
		{"ECDSA as DER", "ES256", "k", p256Key(), der, SignatureInvalid},
		{"ECDSA as DER of r=s=0", "ES256", "k", p256Key(), fixed(must(asn1.Marshal([]*big.Int{zero, zero}))), SignatureInvalid},
		{"ECDSA r=0", "ES256", "k", p256Key(), pair(zero, one), SignatureInvalid},
		{"ECDSA s=0", "ES256", "k", p256Key(), pair(one, zero), SignatureInvalid},
		{"ECDSA r=n, s=n", "ES256", "k", p256Key(), pair(n, n), SignatureInvalid},
		{"ECDSA r=n, s=1", "ES256", "k", p256Key(), pair(n, one), SignatureInvalid},
		{"ECDSA 64 bytes of 0xff", "ES256", "k", p256Key(), fixed(filled(64, 0xff)), SignatureInvalid},
		{"ECDSA 65 bytes", "ES256", "k", p256Key(), fixed(make([]byte, 65)), SignatureInvalid},
		{"ECDSA P-384's length", "ES256", "k", p256Key(), fixed(make([]byte, 96)), SignatureInvalid},
		{"ECDSA one zero before each half", "ES512", "k", p521Key(), fixed(make([]byte, 134)), SignatureInvalid},
		{"PSS with its own salt length", "PS256", "k", rsaKey(), pss(32), OK},
		{"PSS with a salt one byte short", "PS256", "k", rsaKey(), pss(31), SignatureInvalid},
		{"PSS without salt", "PS256", "k", rsaKey(), pss(0), SignatureInvalid},
		{"PSS with the longest salt", "PS256", "k", rsaKey(), pss(rsa.PSSSaltLengthAuto), SignatureInvalid},
		{"RSA 0", "RS256", "k", rsaKey(), fixed(make([]byte, 256)), SignatureInvalid},
		{"RSA 1", "RS256", "k", rsaKey(), fixed(append(make([]byte, 255), 1)), SignatureInvalid},
		{"RSA n", "RS256", "k", rsaKey(), fixed(rsaKey().N.Bytes()), SignatureInvalid},
		{"RSA one byte long", "RS256", "k", rsaKey(), fixed(make([]byte, 257)), SignatureInvalid},
		{"Ed25519 all zero", "EdDSA", "k", edKey(), fixed(make([]byte, ed25519.SignatureSize)), SignatureInvalid},
		{"Ed25519 63 bytes", "EdDSA", "k", edKey(), fixed(make([]byte, 63)), SignatureInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := anyAlg(tt.alg, "k", tt.key, jwk("k", tt.key))
			tt.spoil(s)
			s.expect(t, tt.want)
		})
	}
}

// s and n-s are both signatures of ECDSA. That is why nothing may take a token's
// bytes for its identity; both are accepted, as the RFCs say.
func TestECDSAComplement(t *testing.T) {
	s := goodScene()
	s.text = func(token string) string {
		n := p256Key().Curve.Params().N
		sig := signature("ES256", p256Key(), token[:len(token)-87])
		r, v := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
		return replaced(2, encode(joined(p256Key().Curve, r, v.Sub(n, v))))(token)
	}
	s.expect(t, OK)
}

func filled(n int, b byte) []byte {
	all := make([]byte, n)
	for i := range all {
		all[i] = b
	}
	return all
}

// Every algorithm that tokens can be verified with is tested here.
func TestAlgorithmsAreComplete(t *testing.T) {
	if diff := cmp.Diff(jose.Algorithms(), algorithms()); diff != "" {
		t.Error(diff)
	}
}
