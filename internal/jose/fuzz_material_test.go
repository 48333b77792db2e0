package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// Material is listed where the standard library takes it for a key, and the limits
// hold; and nowhere else. Points of Ed25519 may be refused for more reasons, but not one
// that is a key of somebody, and a point is listed if its mirror is.
func FuzzMaterial(f *testing.F) {
	for kind, curve := range fuzzCurves {
		p := curve.Params()
		f.Add(uint8(kind), p.Gx.Bytes(), p.Gy.Bytes())
		f.Add(uint8(kind), p.Gx.Bytes(), new(big.Int).Sub(p.P, p.Gy).Bytes())
		f.Add(uint8(kind), append([]byte{0}, p.Gx.Bytes()...), p.Gy.Bytes())
		f.Add(uint8(kind), p.P.Bytes(), make([]byte, (p.BitSize+7)/8))
	}
	odd := bytes.Repeat([]byte{0xc1}, 256)
	for _, e := range [][]byte{{1, 0, 1}, {3}, {1}, {4}, {0x80, 0, 0, 1}, {0, 3}, {}} {
		f.Add(uint8(3), odd, e)
	}
	f.Add(uint8(3), append([]byte{0}, odd...), []byte{3})
	f.Add(uint8(3), odd[1:], []byte{3})
	f.Add(uint8(3), append(bytes.Clone(odd[:255]), 2), []byte{3})
	f.Add(uint8(3), bytes.Repeat([]byte{0xff}, 1025), []byte{3})
	f.Add(uint8(4), make([]byte, 32), []byte{})
	f.Add(uint8(4), append([]byte{1}, make([]byte, 31)...), []byte{})
	f.Add(uint8(4), bytes.Repeat([]byte{0xff}, 32), []byte{})
	f.Fuzz(func(t *testing.T, kind uint8, a, b []byte) {
		switch kind %= 5; kind {
		case 3:
			want := false
			n, e := new(big.Int).SetBytes(a), new(big.Int).SetBytes(b)
			if bits := n.BitLen(); bits >= 2048 && bits <= 8192 && n.Bit(0) == 1 && e.Bit(0) == 1 {
				want = e.Cmp(big.NewInt(1)) > 0 && e.Cmp(big.NewInt(1<<31-1)) <= 0
			}
			if got := lists(t, `"kty":"RSA","n":"%s","e":"%s"`, a, b); got != want {
				t.Fatalf("listed: %t, of the modulus %x and the exponent %x", got, a, b)
			}
		case 4:
			got := lists(t, `"kty":"OKP","crv":"Ed25519","x":"%s"`, a)
			if len(a) != ed25519.PublicKeySize {
				if got {
					t.Fatalf("listed with %d bytes", len(a))
				}
				return
			}
			err := ed25519.VerifyWithOptions(a, nil, make([]byte, ed25519.SignatureSize), &ed25519.Options{})
			if got && err != nil && strings.Contains(err.Error(), "bad public key") {
				t.Fatalf("listed, and to crypto no point: %x", a)
			}
			key := ed25519.NewKeyFromSeed(a).Public().(ed25519.PublicKey)
			if !lists(t, `"kty":"OKP","crv":"Ed25519","x":"%s"`, key) {
				t.Fatalf("not listed: %x", []byte(key))
			}
			mirror := bytes.Clone(a)
			mirror[31] ^= 0x80
			if other := lists(t, `"kty":"OKP","crv":"Ed25519","x":"%s"`, mirror); other != got {
				t.Fatalf("listed: %t, and its mirror: %t: %x", got, other, a)
			}
		default:
			curve := fuzzCurves[kind]
			_, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, a...), b...))
			want := err == nil && len(a) == len(b)
			if got := lists(t, `"kty":"EC","crv":"`+curve.Params().Name+`","x":"%s","y":"%s"`, a, b); got != want {
				t.Fatalf("%s: listed: %t, and crypto says %v: %x, %x", curve.Params().Name, got, err, a, b)
			}
		}
	})
}

var fuzzCurves = []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}

// lists tells whether the key of these members, in base64url, is listed.
func lists(t *testing.T, members string, parts ...[]byte) bool {
	t.Helper()
	var texts []any
	for _, p := range parts {
		texts = append(texts, encode(p))
	}
	doc, err := ReadKeys([]byte(`{"keys":[{"kid":"k",` + fmt.Sprintf(members, texts...) + `}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return len(doc.Keys) == 1
}
