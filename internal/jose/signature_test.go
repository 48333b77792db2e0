package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
)

const signingInput = "eyJhbGciOiJFUzI1NiJ9.e30"

func TestVerifyEveryAlgorithm(t *testing.T) {
	for _, alg := range Algorithms() {
		t.Run(alg, func(t *testing.T) {
			key, signature := signers()[alg].Public(), sign(t, alg, signingInput)
			if err := Verify(alg, key, signingInput, signature); err != nil {
				t.Fatal(err)
			}
			refused := func(what, input string, signature []byte) {
				t.Helper()
				if err := Verify(alg, key, input, signature); !errors.Is(err, ErrSignature) {
					t.Errorf("%s: got %v", what, err)
				}
			}
			refused("other input", signingInput+"A", signature)
			refused("no input", "", signature)
			refused("no signature", signingInput, nil)
			refused("one byte short", signingInput, signature[:len(signature)-1])
			refused("one byte more", signingInput, append(slices.Clone(signature), 0))
			refused("one zero in front", signingInput, append([]byte{0}, signature...))
			refused("all zero", signingInput, make([]byte, len(signature)))
			for _, i := range []int{0, len(signature) / 2, len(signature) - 1} {
				flipped := slices.Clone(signature)
				flipped[i] ^= 1
				refused("one bit flipped", signingInput, flipped)
			}
			other := map[string]crypto.Signer{
				"R": otherRSAKey(), "P": otherRSAKey(), "E": must(newEdKey()),
			}[alg[:1]]
			if curve := curveOf(alg); curve != nil {
				other = newECKey(curve)
			}
			if err := Verify(alg, other.Public(), signingInput, signature); !errors.Is(err, ErrSignature) {
				t.Errorf("another key: got %v", err)
			}
		})
	}
}

func curveOf(alg string) elliptic.Curve {
	a, _ := known(alg)
	return a.curve
}

// The algorithm is chosen by the token, the key by the issuer: no combination
// may do anything but what RFC 7518 describes.
func TestAlgorithmsFitTheirKeysOnly(t *testing.T) {
	keys := map[string]crypto.PublicKey{
		"RSA": rsaKey().Public(), "P-256": p256Key().Public(), "P-384": p384Key().Public(), "P-521": p521Key().Public(),
		"Ed25519": edKey().Public(), "P-224": newECKey(elliptic.P224()).Public(),
		"no key": nil, "nil RSA": (*rsa.PublicKey)(nil), "nil EC": (*ecdsa.PublicKey)(nil),
		"empty RSA": &rsa.PublicKey{}, "empty EC": &ecdsa.PublicKey{}, "short Ed25519": ed25519.PublicKey("short"),
		"RSA private": rsaKey(), "EC private": p256Key(), "Ed25519 private": edKey(),
		"RSA value": rsaKey().PublicKey, "secret": []byte("secret"), "PEM": "-----BEGIN PUBLIC KEY-----",
	}
	fitting := map[string][]string{
		"RSA": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, "P-256": {"ES256"}, "P-384": {"ES384"},
		"P-521": {"ES512"}, "Ed25519": {"EdDSA", "Ed25519"},
		"empty RSA": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, // of the right type; it verifies nothing
	}
	others := []string{"", "none", "None", "nOnE", "NONE", "HS256", "HS384", "HS512", "es256", "ES256 ", "ES256\x00", "ES256K", "ESP256", "eddsa", "ed25519", "Ed25519ph", "Ed448", "RSA1_5", "RS1"}
	for name, key := range keys {
		for _, alg := range append(Algorithms(), others...) {
			want := slices.Contains(fitting[name], alg)
			if got := Fits(alg, key); got != want {
				t.Errorf("Fits(%q, %s) = %v", alg, name, got)
			}
			for _, size := range []int{0, 32, 64, 96, 132, 256} {
				if err := Verify(alg, key, signingInput, make([]byte, size)); err == nil {
					t.Errorf("Verify(%q, %s) accepts %d zeros", alg, name, size)
				} else if errors.Is(err, ErrSignature) != want {
					t.Errorf("Verify(%q, %s) = %v", alg, name, err)
				}
			}
		}
	}
}

func TestVerifySaysWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		alg  string
		key  crypto.PublicKey
		want string
	}{
		{"none", rsaKey().Public(), `alg "none": not one of ["RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES384" "ES512" "EdDSA" "Ed25519"]`},
		{strings.Repeat("A", 99), rsaKey().Public(), `alg "` + strings.Repeat("A", 32) + `"...: not one of ["RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES384" "ES512" "EdDSA" "Ed25519"]`},
		{"ES256", rsaKey().Public(), "alg ES256: does not fit a key of type *rsa.PublicKey"},
		{"ES256", p384Key().Public(), "alg ES256: does not fit a key of type *ecdsa.PublicKey"},
		{"RS256", nil, "alg RS256: does not fit a key of type <nil>"},
	} {
		if err := Verify(c.alg, c.key, signingInput, nil); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// An HMAC with the public key as its secret: the classic confusion.
func TestSymmetricSignatureWithPublicKeyIsRefused(t *testing.T) {
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		if slices.Contains(Algorithms(), alg) || Fits(alg, []byte("secret")) {
			t.Errorf("%s is known", alg)
		}
	}
}

func TestECDSARefusesValuesOutOfRange(t *testing.T) {
	for _, alg := range []string{"ES256", "ES384", "ES512"} {
		a, _ := known(alg)
		n, size := a.curve.Params().N, a.size/2
		key, good := signers()[alg].Public(), sign(t, alg, signingInput)
		pack := func(r, s *big.Int) []byte {
			return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		}
		r, s := new(big.Int).SetBytes(good[:size]), new(big.Int).SetBytes(good[size:])
		zero, one := big.NewInt(0), big.NewInt(1)
		highest := new(big.Int).Sub(new(big.Int).Lsh(one, uint(size*8)), one)
		for _, bad := range []*big.Int{zero, n, new(big.Int).Add(n, one), highest} {
			for _, signature := range [][]byte{pack(bad, s), pack(r, bad), pack(bad, bad)} {
				if err := Verify(alg, key, signingInput, signature); !errors.Is(err, ErrSignature) {
					t.Errorf("%s: %x: got %v", alg, signature, err)
				}
			}
		}
		// RFC 7518, section 3.4: R and S side by side, not ASN.1.
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		if err := Verify(alg, key, signingInput, der); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: ASN.1: got %v", alg, err)
		}
		// Both s and n-s are valid: a signature is no identity of a token.
		if err := Verify(alg, key, signingInput, pack(r, new(big.Int).Sub(n, s))); err != nil {
			t.Errorf("%s: n-s: got %v", alg, err)
		}
	}
}

func TestRSARefusesOtherPaddings(t *testing.T) {
	key := rsaKey()
	d256 := digest(signingInput)
	d512 := sha512.Sum512([]byte(signingInput))
	pss := func(salt int) []byte {
		return must(rsa.SignPSS(rand.Reader, key, crypto.SHA256, d256, &rsa.PSSOptions{SaltLength: salt}))
	}
	pkcs1 := must(rsa.SignPKCS1v15(nil, key, crypto.SHA256, d256))
	unprefixed := must(rsa.SignPKCS1v15(nil, key, 0, d256))
	for name, c := range map[string]struct {
		alg       string
		signature []byte
	}{
		"PSS, no salt":                {"PS256", pss(0)}, // 0 is PSSSaltLengthAuto: as long as possible
		"PSS, salt of 20":             {"PS256", pss(20)},
		"PSS, salt of 31":             {"PS256", pss(31)},
		"PSS, salt of 33":             {"PS256", pss(33)},
		"PKCS1 for PSS":               {"PS256", pkcs1},
		"PSS for PKCS1":               {"RS256", pss(32)},
		"PKCS1, another hash":         {"RS256", must(rsa.SignPKCS1v15(nil, key, crypto.SHA512, d512[:]))},
		"PKCS1, hash without its OID": {"RS256", unprefixed},
		"one":                         {"RS256", big.NewInt(1).FillBytes(make([]byte, 256))},
		"n":                           {"RS256", key.N.Bytes()},
		"n-1":                         {"RS256", new(big.Int).Sub(key.N, big.NewInt(1)).Bytes()},
	} {
		if err := Verify(c.alg, key.Public(), signingInput, c.signature); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, control := range []struct {
		alg       string
		signature []byte
	}{{"PS256", pss(32)}, {"PS256", pss(rsa.PSSSaltLengthEqualsHash)}, {"RS256", pkcs1}} {
		if err := Verify(control.alg, key.Public(), signingInput, control.signature); err != nil {
			t.Errorf("%s: %v", control.alg, err)
		}
	}
}
