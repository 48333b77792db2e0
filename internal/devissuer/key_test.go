package devissuer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

func TestTokensVerifyWithThePublishedKey(t *testing.T) {
	for _, alg := range []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	} {
		t.Run(alg, func(t *testing.T) {
			k := devissuer.SharedKey("k-"+alg[1:], alg)
			token := k.Token(devissuer.StandardClaims("https://issuer.test", "api", time.Minute))
			head, claims, sig, input := split(t, token)
			if head["alg"] != alg || head["kid"] != k.KID || head["typ"] != "JWT" {
				t.Errorf("header: %v", head)
			}
			if claims["iss"] != "https://issuer.test" || claims["exp"].(float64)-claims["iat"].(float64) != 60 {
				t.Errorf("claims: %v", claims)
			}
			if !verify(k.Public(), alg, input, sig) {
				t.Error("the signature does not verify")
			}
			if sig[len(sig)/2] ^= 1; verify(k.Public(), alg, input, sig) {
				t.Error("a changed signature verifies")
			}
		})
	}
}

// The example of RFC 7638, section 3.1, pins the form of the input; here the
// form is checked against each key type's required members.
func TestThumbprintIsOfTheRequiredMembersOnly(t *testing.T) {
	for alg, names := range map[string][]string{
		"RS256": {"e", "kty", "n"}, "ES512": {"crv", "kty", "x", "y"}, "EdDSA": {"crv", "kty", "x"},
	} {
		k := devissuer.SharedKey("tp-"+alg, alg)
		var members []string
		for _, name := range names {
			members = append(members, `"`+name+`":"`+k.JWK()[name].(string)+`"`)
		}
		sum := sha256.Sum256([]byte("{" + strings.Join(members, ",") + "}"))
		if want := base64.RawURLEncoding.EncodeToString(sum[:]); k.Thumbprint() != want {
			t.Errorf("%s: %s, want %s", alg, k.Thumbprint(), want)
		}
		if k.Thumbprint() != k.Renamed("other").Thumbprint() {
			t.Errorf("%s: another kid changes the thumbprint", alg)
		}
	}
}

func TestCoordinatesKeepTheirLeadingZeros(t *testing.T) {
	// One coordinate in 256 begins with a zero byte: RFC 7518, section
	// 6.2.1.2, wants full length.
	for range 300 {
		j := devissuer.NewKey("k", "ES256").JWK()
		if len(j["x"].(string)) != 43 || len(j["y"].(string)) != 43 {
			t.Fatalf("short coordinate: %v", j)
		}
	}
}

func TestPrivateJWKHasThePrivatePart(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		k := devissuer.SharedKey("priv-"+alg, alg)
		if d, _ := k.PrivateJWK()["d"].(string); d == "" {
			t.Errorf("%s: no d", alg)
		}
		if _, ok := k.JWK()["d"]; ok {
			t.Errorf("%s: the public JWK has d", alg)
		}
	}
}

func TestScriptsShapeTokensFreely(t *testing.T) {
	k := devissuer.SharedKey("k", "ES256")
	base := devissuer.Claims{"iss": "a", "aud": "b"}
	head, claims, _, _ := split(t, k.TokenWith(
		devissuer.Header{"typ": nil, "alg": "none", "kid": devissuer.Null},
		base.With(devissuer.Claims{"aud": nil, "sub": devissuer.Null})))
	if _, ok := head["typ"]; ok || head["alg"] != "none" || head["kid"] != nil {
		t.Errorf("header: %v", head)
	}
	if _, ok := claims["aud"]; ok || claims["iss"] != "a" {
		t.Errorf("claims: %v", claims)
	}
	if v, ok := claims["sub"]; !ok || v != nil {
		t.Errorf("sub: %v, %v; want null", v, ok)
	}
	if base["aud"] != "b" {
		t.Error("With changed the base")
	}
	raw := k.Raw([]byte("not json"), []byte{0xff})
	if parts := strings.Split(raw, "."); parts[0] != "bm90IGpzb24" || parts[1] != "_w" {
		t.Errorf("raw: %s", raw)
	}
	if got := devissuer.Join([]byte("a"), nil, []byte("b")); got != "YQ..Yg" {
		t.Errorf("joined: %s", got)
	}
}

func split(t *testing.T, token string) (head, claims map[string]any, sig, input []byte) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts: %s", len(parts), token)
	}
	for n, into := range []*map[string]any{&head, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[n])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	return head, claims, sig, []byte(parts[0] + "." + parts[1])
}

func verify(pub crypto.PublicKey, alg string, input, sig []byte) bool {
	var h crypto.Hash
	var sum []byte
	switch alg[2:] {
	case "256":
		s := sha256.Sum256(input)
		h, sum = crypto.SHA256, s[:]
	case "384":
		s := sha512.Sum384(input)
		h, sum = crypto.SHA384, s[:]
	case "512":
		s := sha512.Sum512(input)
		h, sum = crypto.SHA512, s[:]
	}
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if alg[0] == 'P' {
			opts := &rsa.PSSOptions{SaltLength: h.Size()}
			return rsa.VerifyPSS(pub, h, sum, sig, opts) == nil
		}
		return rsa.VerifyPKCS1v15(pub, h, sum, sig) == nil
	case *ecdsa.PublicKey:
		half := len(sig) / 2
		return ecdsa.Verify(pub, sum, new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:]))
	case ed25519.PublicKey:
		return ed25519.Verify(pub, input, sig)
	}
	return false
}
