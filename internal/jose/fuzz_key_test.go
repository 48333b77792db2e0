package jose

import (
	"crypto"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// skipReasons are those that a reader gives; the others are a key set's.
var skipReasons = []keyset.SkipReason{
	keyset.SkipMalformed, keyset.SkipType, keyset.SkipAlgorithm, keyset.SkipNoKid, keyset.SkipUse, keyset.SkipOperations,
	keyset.SkipSymmetric, keyset.SkipPrivate, keyset.SkipRSASize, keyset.SkipRSAExponent, keyset.SkipPointInvalid,
}

// FuzzKey reads one key, alone in a document. What we list, jwx reads to the same key;
// nothing is listed that holds a private member; and the canonical form that is kept
// reads back, in no other spelling.
func FuzzKey(f *testing.F) {
	for _, key := range []string{
		rfc7515RSA, rfc7515P256, rfc7515P521, rfc8037Key, strings.Replace(rfc8037Key, "{", `{"alg":"Ed25519",`, 1),
		strings.Replace(rfc7515P256, "{", `{"d":"AA",`, 1), strings.Replace(rfc7515RSA, "{", `{"oth":[{}],`, 1), strings.Replace(rfc8037Key, "{", `{"kid":"e","d":null,`, 1),
		`{"kid":"p","kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}`, `{"kid":"s","kty":"oct","k":"AA"}`,
		`{"kid":"k","kty":"RSA","n":"AA","e":"AQAB","use":"enc","key_ops":["verify"],"nbf":1,"exp":2,"oth":[]}`,
		`{"kid":"k","kty":"EC","crv":"P-256","x":"","y":null}`, `[]`, `{}`, "null", "{\"kty\":\"RSA\"}\n",
	} {
		f.Add([]byte(key))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		kept, err := ReadMaterial(key)
		if err == nil {
			if string(kept.JWK) != string(key) || kept.Public == nil {
				t.Fatalf("%s is kept as %s", key, kept.JWK)
			}
			if other, err := ReadMaterial(append([]byte(" "), key...)); err == nil {
				t.Fatalf("%s is taken with a space before it: %v", key, other)
			}
		}
		doc, err := ReadKeys([]byte(`{"keys":[` + string(key) + `]}`))
		if err != nil {
			return
		}
		for _, s := range doc.Skipped {
			if !slices.Contains(skipReasons, s.Reason) {
				t.Fatalf("%s is skipped: %q", key, s.Reason)
			}
		}
		if len(doc.Keys)+len(doc.Skipped) != 1 {
			return // a bracket ended the list: there are none, or several
		}
		for _, k := range doc.Keys {
			compareKeyWithJWX(t, key, k.Kid, k.Alg, k.Public)
			if again, err := ReadMaterial(k.JWK); err != nil || again.Thumbprint != k.Thumbprint || again.Modulus != k.Modulus {
				t.Fatalf("%s, kept of %s, reads as %v, %v", k.JWK, key, again, err)
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal(key, &members); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
				var kty string
				_ = json.Unmarshal(members["kty"], &kty)
				if _, there := members[name]; there && slices.Contains(privateMembers[kty], name) {
					t.Fatalf("listed with %s: %s", name, key)
				}
			}
		}
	})
}

// compareKeyWithJWX wants jwx to read the same key. Of what we ignore, such as
// certificates, it refuses what is malformed.
func compareKeyWithJWX(t *testing.T, text []byte, kid, alg string, public crypto.PublicKey) {
	t.Helper()
	theirs, err := jwk.ParseKey(text)
	if err != nil {
		var members map[string]json.RawMessage
		_ = json.Unmarshal(text, &members)
		for name := range members {
			if !slices.Contains([]string{"kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"}, name) {
				return
			}
		}
		t.Fatalf("jwx refuses %s: %v", text, err)
	}
	var raw any
	if err := jwk.Export(theirs, &raw); err != nil {
		t.Fatalf("jwx reads %s, but makes no key of it: %v", text, err)
	}
	if same, ok := public.(interface{ Equal(crypto.PublicKey) bool }); !ok || !same.Equal(raw) {
		t.Fatalf("jwx reads %v in %s, we %v", raw, text, public)
	}
	if theirKid, _ := theirs.KeyID(); theirKid != kid {
		t.Fatalf("the kid is %q to jwx, and %q to us in %s", theirKid, kid, text)
	}
	if theirAlg, ok := theirs.Algorithm(); ok && theirAlg.String() != alg || !ok && alg != "" {
		t.Fatalf("the alg is %v to jwx, and %q to us in %s", theirAlg, alg, text)
	}
}
