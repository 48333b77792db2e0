package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
)

// The keys of the tests are made once a run: those of RSA take long.
var (
	rsaKey      = sync.OnceValue(func() *rsa.PrivateKey { return newRSAKey(2048) })
	otherRSAKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSAKey(2048) })
	p256Key     = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P256()) })
	p384Key     = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P384()) })
	p521Key     = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P521()) })
	edKey       = sync.OnceValue(func() ed25519.PrivateKey { return must(newEdKey()) })
)

func newRSAKey(bits int) *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, bits)) }

func newECKey(c elliptic.Curve) *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(c, rand.Reader)) }

func newEdKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// signers are a key for each algorithm.
func signers() map[string]crypto.Signer {
	return map[string]crypto.Signer{
		"RS256": rsaKey(), "RS384": rsaKey(), "RS512": rsaKey(),
		"PS256": rsaKey(), "PS384": rsaKey(), "PS512": rsaKey(),
		"ES256": p256Key(), "ES384": p384Key(), "ES512": p521Key(),
		"EdDSA": edKey(), "Ed25519": edKey(),
	}
}

func sign(t testing.TB, alg string, input string) []byte {
	t.Helper()
	signature, err := jwsbb.Sign(signers()[alg], alg, []byte(input), nil)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// compact puts a token together from the texts of header and payload.
func compact(header, payload string) string {
	return encode([]byte(header)) + "." + encode([]byte(payload)) + ".c2ln"
}

// jwkOf is the public JWK of a key as a map, for tests to spoil. Members that
// are given, name and value by turns, are set; a nil value removes one.
func jwkOf(t testing.TB, public crypto.PublicKey, with ...any) map[string]any {
	t.Helper()
	text := must(json.Marshal(must(jwk.Import(public))))
	m := map[string]any{"kid": "k"}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(with); i += 2 {
		if with[i+1] == nil {
			delete(m, with[i].(string))
		} else {
			m[with[i].(string)] = with[i+1]
		}
	}
	return m
}

// rsaJWK is a JWK of an RSA key that nobody has the private part of.
func rsaJWK(n *big.Int, e *big.Int) map[string]any {
	return map[string]any{"kid": "k", "kty": "RSA", "n": encode(n.Bytes()), "e": encode(e.Bytes())}
}

func documentOf(t testing.TB, keys ...any) []byte {
	t.Helper()
	return must(json.Marshal(map[string]any{"keys": keys}))
}

// typicalToken has the size and the members of a common access token.
func typicalToken(t testing.TB, alg string) string {
	header := fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":"2026-10-signing-key"}`, alg)
	payload := `{"iss":"https://issuer.example.com","sub":"auth0|5f7c8ec7c33c6c004bbafe82",` +
		`"aud":["https://api.example.com","payments-api"],"iat":1798761600,"exp":1798765200,"nbf":1798761600,` +
		`"jti":"` + strings.Repeat("0123456789abcdef", 2) + `","azp":"my-client","client_id":"my-client",` +
		`"scope":"openid profile read:orders write:orders","permissions":["read:orders","write:orders"],` +
		`"realm_access":{"roles":["user","auditor"]},"email":"someone@example.com"}`
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	return input + "." + encode(sign(t, alg, input))
}

func digest(input string) []byte {
	d := sha256.Sum256([]byte(input))
	return d[:]
}
