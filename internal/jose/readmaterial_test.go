package jose

import (
	"bytes"
	"crypto"
	"errors"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// What a record kept of a key gives the key back, and nothing else does.
func TestKeptMaterialIsReadBack(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"} {
		doc, err := ReadKeys(devissuer.Document(devissuer.SharedKey("a", alg).JWK()))
		if err != nil || len(doc.Keys) != 1 {
			t.Fatal(err, doc)
		}
		l := doc.Keys[0]
		got, err := ReadMaterial(l.JWK)
		if err != nil {
			t.Fatal(err)
		}
		public, _ := got.Public.(interface{ Equal(crypto.PublicKey) bool })
		if public == nil || !public.Equal(l.Public) || got.Thumbprint != l.Thumbprint || got.Modulus != l.Modulus || !bytes.Equal(got.JWK, l.JWK) {
			t.Errorf("%s: %+v, want %+v", alg, got, l)
		}
	}
	good := string(mustKey(t).JWK)
	for _, bad := range []string{"", "{}", "null", `{"kty":"oct","k":"AAAA"}`, strings.Replace(good, `"kty"`, ` "kty"`, 1), good[:len(good)-1], good + " ", strings.Replace(good, `"x":"`, `"x":"A`, 1)} {
		if l, err := ReadMaterial([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, %v", bad, l, err)
		}
	}
}

func mustKey(t *testing.T) keyset.Listed {
	t.Helper()
	doc, err := ReadKeys(devissuer.Document(devissuer.SharedKey("a", "ES256").JWK()))
	if err != nil || len(doc.Keys) != 1 {
		t.Fatal(err, doc)
	}
	return doc.Keys[0]
}
