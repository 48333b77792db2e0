package devissuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
)

// A Key is one signing key: a name, an algorithm and a private key.
type Key struct {
	KID    string
	Alg    string
	signer crypto.Signer
}

// rsaBits is the smallest size that RFC 7518, section 3.3, allows.
const rsaBits = 2048

// NewKey makes a new key for one of RS256, RS384, RS512, PS256, PS384, PS512,
// ES256, ES384, ES512, EdDSA (with Ed25519) and Ed25519. It panics for any other
// alg, which is a mistake in the script.
func NewKey(kid, alg string) *Key {
	switch alg {
	case "ES256":
		return newECDSA(kid, alg, elliptic.P256())
	case "ES384":
		return newECDSA(kid, alg, elliptic.P384())
	case "ES512":
		return newECDSA(kid, alg, elliptic.P521())
	case "EdDSA", "Ed25519":
		_, priv, err := ed25519.GenerateKey(rand.Reader)
		return &Key{KID: kid, Alg: alg, signer: must(priv, err)}
	default:
		return NewRSAKey(kid, alg, rsaBits)
	}
}

// NewRSAKey makes an RSA key of the given size, at least 1024 bits, for one of
// the RS and PS algorithms.
func NewRSAKey(kid, alg string, bits int) *Key {
	if _, ok := rsaHashes[alg]; !ok {
		panic(fmt.Sprintf("devissuer: unknown alg %q", alg))
	}
	return &Key{KID: kid, Alg: alg, signer: must(rsa.GenerateKey(rand.Reader, bits))}
}

func newECDSA(kid, alg string, c elliptic.Curve) *Key {
	return &Key{KID: kid, Alg: alg, signer: must(ecdsa.GenerateKey(c, rand.Reader))}
}

// shared holds the keys of SharedKey by kid and alg.
var shared sync.Map // [2]string → func() *Key

// SharedKey gives the same key for the same kid and alg all over one test
// binary: making an RSA key takes long. Use NewKey where two issuers have the
// same kid with different material.
func SharedKey(kid, alg string) *Key {
	key, _ := shared.LoadOrStore([2]string{kid, alg}, sync.OnceValue(func() *Key { return NewKey(kid, alg) }))
	return key.(func() *Key)()
}

// Renamed is the same key material under another kid.
func (k *Key) Renamed(kid string) *Key {
	return &Key{KID: kid, Alg: k.Alg, signer: k.signer}
}

// As is the same key material and kid, used with another algorithm of its key
// type.
func (k *Key) As(alg string) *Key {
	return &Key{KID: k.KID, Alg: alg, signer: k.signer}
}

// Public is the public key, as crypto/* has it.
func (k *Key) Public() crypto.PublicKey { return k.signer.Public() }

// must unwraps what only a broken random source could fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("devissuer: %v", err))
	}
	return v
}
