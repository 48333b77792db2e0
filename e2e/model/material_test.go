package model

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// material is a key pair without a name. Nothing here shares code with the guard:
// thumbprints, documents and tokens are written down a second time.
type material struct {
	label   string // in stories
	alg     string
	thumb   string // RFC 7638 with SHA-256
	modulus string // SHA-256 of the RSA modulus; empty for others
	public  map[string]any
	secret  map[string]any // the members of the private part
	sign    func(input []byte) []byte
}

// materials are all keys that a schedule can name: few, so that they meet. The
// last two have one modulus and different exponents.
var materials = sync.OnceValue(func() []*material {
	var all []*material
	for _, label := range []string{"ann", "bob", "cid", "dot"} {
		all = append(all, newEd25519(label))
	}
	return append(all, newRSAPair("rex", "roy")...)
})

// kids are all names that a schedule can give to keys.
var kids = []string{"k1", "k2", "k3", "k4"}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newEd25519(label string) *material {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(public, err)
	return &material{
		label: label, alg: "EdDSA",
		thumb:  thumbprint(`{"crv":"Ed25519","kty":"OKP","x":"%s"}`, encode(public)),
		public: map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(public)},
		secret: map[string]any{"d": encode(private.Seed())},
		sign:   func(input []byte) []byte { return ed25519.Sign(private, input) },
	}
}

// newRSAPair makes two keys of one modulus: whoever knows the private part of one
// has that of the other.
func newRSAPair(labels ...string) []*material {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	phi := new(big.Int).Mul(new(big.Int).Sub(key.Primes[0], big.NewInt(1)), new(big.Int).Sub(key.Primes[1], big.NewInt(1)))
	var pair []*material
	for _, label := range labels {
		e := big.NewInt(int64(key.E))
		for len(pair) > 0 && (e.Int64() == int64(key.E) || new(big.Int).GCD(nil, nil, e, phi).Cmp(big.NewInt(1)) != 0) {
			e.Add(e, big.NewInt(2))
		}
		private := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: key.N, E: int(e.Int64())},
			D:         new(big.Int).ModInverse(e, phi), Primes: key.Primes,
		}
		private.Precompute()
		n, exponent := encode(key.N.Bytes()), encode(e.Bytes())
		pair = append(pair, &material{
			label: label, alg: "RS256", modulus: thumbprint("%s", key.N.Bytes()),
			thumb:  thumbprint(`{"e":"%s","kty":"RSA","n":"%s"}`, exponent, n),
			public: map[string]any{"kty": "RSA", "n": n, "e": exponent},
			secret: map[string]any{"d": encode(private.D.Bytes()), "p": encode(key.Primes[0].Bytes()), "q": encode(key.Primes[1].Bytes())},
			sign: func(input []byte) []byte {
				digest := sha256.Sum256(input)
				return must(rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:]))
			},
		})
	}
	return pair
}

func thumbprint(format string, members ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, format, members...))
	return encode(sum[:])
}

// document is a JWKS (RFC 7517, section 5) of the listings.
func document(all []listing) []byte {
	keys := []map[string]any{}
	for _, l := range all {
		jwk := map[string]any{"kid": l.kid, "alg": l.key.alg, "use": "sig"}
		for name, v := range l.key.public {
			jwk[name] = v
		}
		if l.private {
			for name, v := range l.key.secret {
				jwk[name] = v
			}
		}
		if l.broken {
			jwk["use"] = "enc"
		}
		if l.notBefore != 0 {
			jwk["nbf"] = int64(epoch.Add(l.notBefore).Unix())
		}
		if l.expires != 0 {
			jwk["exp"] = int64(epoch.Add(l.expires).Unix())
		}
		keys = append(keys, jwk)
	}
	return must(json.Marshal(map[string]any{"keys": keys}))
}

// audience is whom all tokens are for.
const audience = "api"

// token signs a passport in the name of an issuer.
func (p passport) token(iss string) string {
	header := fmt.Sprintf(`{"alg":"%s","kid":"%s","typ":"JWT"}`, p.key.alg, p.kid)
	claims := fmt.Sprintf(`{"iss":"%s","aud":"%s","sub":"someone","iat":%d,"exp":%d}`, iss, audience, p.iat, p.exp)
	input := encode([]byte(header)) + "." + encode([]byte(claims))
	signature := p.key.sign([]byte(input))
	if p.forged {
		signature[0] ^= 1
	}
	return input + "." + encode(signature)
}

// epoch is the zero of all moments. Bubbles begin ten years later, so that no
// step back comes near it.
var epoch = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// momentOf is a time as a moment; the zero time is none.
func momentOf(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	return t.Sub(epoch)
}

// seconds is a NumericDate (RFC 7519, section 2) as a moment.
func seconds(unix int64) moment { return time.Unix(unix, 0).Sub(epoch) }
