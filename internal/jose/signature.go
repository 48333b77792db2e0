package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
)

// algorithm is one row of the table in RFC 7518, section 3.1.
type algorithm struct {
	name   string
	family family
	hash   crypto.Hash
	curve  elliptic.Curve // of ES*: RFC 7518, section 3.4 ties the curve to the name
	size   int            // of an ES* signature: R and S, each as long as a coordinate
}

type family uint8

const (
	rsaPKCS1 family = iota + 1
	rsaPSS
	ecDSA
	edDSA
)

// algorithms are those that this package verifies. "none" and the symmetric
// ones have no place here: with them a public key could forge.
var algorithms = []algorithm{
	{name: "RS256", family: rsaPKCS1, hash: crypto.SHA256},
	{name: "RS384", family: rsaPKCS1, hash: crypto.SHA384},
	{name: "RS512", family: rsaPKCS1, hash: crypto.SHA512},
	{name: "PS256", family: rsaPSS, hash: crypto.SHA256},
	{name: "PS384", family: rsaPSS, hash: crypto.SHA384},
	{name: "PS512", family: rsaPSS, hash: crypto.SHA512},
	{name: "ES256", family: ecDSA, hash: crypto.SHA256, curve: elliptic.P256(), size: 64},
	{name: "ES384", family: ecDSA, hash: crypto.SHA384, curve: elliptic.P384(), size: 96},
	{name: "ES512", family: ecDSA, hash: crypto.SHA512, curve: elliptic.P521(), size: 132},
	{name: "EdDSA", family: edDSA},   // RFC 8037, section 3.1; with Ed25519 alone
	{name: "Ed25519", family: edDSA}, // RFC 9864, section 2.2: the same under a name that says so
}

// Algorithms lists the names that [Verify] knows.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.name
	}
	return names
}

// known finds an algorithm by its exact name (RFC 7515, section 4.1.1: alg is
// case-sensitive).
func known(alg string) (*algorithm, bool) {
	i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == alg })
	if i < 0 {
		return nil, false
	}
	return &algorithms[i], true
}

// Fits tells whether a key is of the type, and of the curve, that the algorithm
// needs. The size of an RSA key is judged when it is read, not here.
func Fits(alg string, key crypto.PublicKey) bool {
	a, ok := known(alg)
	return ok && a.fits(key)
}

func (a *algorithm) fits(key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k != nil && (a.family == rsaPKCS1 || a.family == rsaPSS)
	case *ecdsa.PublicKey:
		return k != nil && a.family == ecDSA && k.Curve == a.curve
	case ed25519.PublicKey:
		return a.family == edDSA && len(k) == ed25519.PublicKeySize
	}
	return false
}

// Verify checks the signature of a signing input ("header.payload" as sent) by
// one key, as [ReadKeys] gives it, and one algorithm. A signature that does not
// match is [ErrSignature]. An algorithm that is unknown or does not fit the key
// is another error: whoever calls has to compare those first.
func Verify(alg string, key crypto.PublicKey, signingInput string, signature []byte) error {
	a, ok := known(alg)
	if !ok {
		return fmt.Errorf("alg %s: not one of %q", quote(alg), Algorithms())
	}
	if !a.fits(key) {
		return fmt.Errorf("alg %s: does not fit a key of type %T", alg, key)
	}
	var err error
	switch k := key.(type) {
	case *rsa.PublicKey:
		// RFC 7518, section 3.5: the salt of PS* is as long as the hash.
		err = jwsbb.VerifyRSA(k, []byte(signingInput), signature, a.hash, a.family == rsaPSS)
	case *ecdsa.PublicKey:
		if len(signature) != a.size { // RFC 7518, section 3.4
			return ErrSignature
		}
		err = jwsbb.VerifyECDSA(k, []byte(signingInput), signature, a.hash)
	case ed25519.PublicKey:
		err = jwsbb.VerifyEdDSA(k, []byte(signingInput), signature)
	}
	if err != nil {
		return ErrSignature
	}
	return nil
}
