package devissuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// A JWK is the JSON Web Key of RFC 7517 by member name. A script may change it
// as it likes before publishing it.
type JWK map[string]any

// JWK is the public key as an issuer publishes it: kty and its members, kid,
// alg and use.
func (k *Key) JWK() JWK {
	j := k.required()
	j["kid"], j["alg"], j["use"] = k.KID, k.Alg, "sig"
	return j
}

// PrivateJWK is what an issuer must never publish: the JWK with its private
// part.
func (k *Key) PrivateJWK() JWK {
	j := k.JWK()
	switch priv := k.signer.(type) {
	case *rsa.PrivateKey:
		j["d"] = b64(priv.D.Bytes())
		j["p"], j["q"] = b64(priv.Primes[0].Bytes()), b64(priv.Primes[1].Bytes())
	case *ecdsa.PrivateKey:
		j["d"] = b64(must(priv.Bytes()))
	case ed25519.PrivateKey:
		j["d"] = b64(priv.Seed())
	}
	return j
}

// Thumbprint is the base64url SHA-256 thumbprint of RFC 7638.
func (k *Key) Thumbprint() string {
	// RFC 7638, section 3: the required members alone, names sorted, no white
	// space. That is how encoding/json writes a map.
	sum := sha256.Sum256(must(json.Marshal(k.required())))
	return b64(sum[:])
}

// required is the JWK with the members that its key type requires, and no
// others.
func (k *Key) required() JWK {
	switch pub := k.signer.Public().(type) {
	case *rsa.PublicKey:
		e := big.NewInt(int64(pub.E)).Bytes()
		return JWK{"kty": "RSA", "n": b64(pub.N.Bytes()), "e": b64(e)}
	case *ecdsa.PublicKey:
		point := must(pub.Bytes())[1:] // after the 0x04 of an uncompressed point
		x, y := point[:len(point)/2], point[len(point)/2:]
		return JWK{"kty": "EC", "crv": pub.Curve.Params().Name, "x": b64(x), "y": b64(y)}
	case ed25519.PublicKey:
		return JWK{"kty": "OKP", "crv": "Ed25519", "x": b64(pub)}
	default:
		panic(fmt.Sprintf("devissuer: a key of type %T", pub))
	}
}

// Document is the JWK set of the given keys, as JSON (RFC 7517, section 5).
func Document(keys ...JWK) []byte {
	if keys == nil {
		keys = []JWK{} // an empty set is [], not null
	}
	return must(json.Marshal(map[string]any{"keys": keys}))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
