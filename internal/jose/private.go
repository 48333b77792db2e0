package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"math/big"
)

const (
	// maxProofs bounds how many RSA private exponents of one document are tried:
	// each takes milliseconds, and a document that holds more is hostile.
	maxProofs = 8
	// maxProofBytes is the largest modulus for which one is: 4096 bits.
	maxProofBytes = 512
)

// curves are those of RFC 7518, section 6.2.1.1.
var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// proves tells whether the private members of a JWK really belong to its public
// ones. Only then is the key compromised for sure: whoever may publish keys could
// otherwise have any key of anybody revoked for ever, by writing its public part
// beside an invented private one. proofs counts down what may still be spent.
func proves(kty string, o Object, proofs *int) bool {
	switch kty {
	case "RSA":
		return provesRSA(o, proofs)
	case "EC":
		return provesEC(o)
	case "OKP":
		x, okX := bytesOf(o, "x")
		seed, ok := bytesOf(o, "d")
		return okX && ok && len(seed) == ed25519.SeedSize &&
			bytes.Equal(x, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	}
	return false
}

// provesRSA looks for a prime factor of n, or else for a d that undoes e.
func provesRSA(o Object, proofs *int) bool {
	number := func(name string) *big.Int {
		b, _ := bytesOf(o, name)
		return new(big.Int).SetBytes(b)
	}
	n, e, one := number("n"), number("e"), big.NewInt(1)
	if n.Cmp(one) <= 0 || len(n.Bytes()) > maxModulus/8 {
		return false
	}
	for _, name := range []string{"p", "q"} {
		p := number(name)
		if p.Cmp(one) > 0 && p.Cmp(n) < 0 && new(big.Int).Mod(n, p).Sign() == 0 {
			return true
		}
	}
	d := number("d")
	if d.Cmp(one) <= 0 || d.Cmp(n) >= 0 || len(n.Bytes()) > maxProofBytes || e.BitLen() > 31 || *proofs == 0 {
		return false
	}
	*proofs--
	two := big.NewInt(2)
	signed := new(big.Int).Exp(two, d, n)
	return signed.Exp(signed, e, n).Cmp(two) == 0
}

func provesEC(o Object) bool {
	crv, _ := stringOf(o, "crv")
	curve := curves[crv]
	x, okX := bytesOf(o, "x")
	y, okY := bytesOf(o, "y")
	d, ok := bytesOf(o, "d")
	if curve == nil || !okX || !okY || !ok || len(d) > coordinateSize[crv] {
		return false
	}
	key, err := ecdsa.ParseRawPrivateKey(curve, append(make([]byte, coordinateSize[crv]-len(d)), d...))
	if err != nil {
		return false
	}
	public, err := key.PublicKey.Bytes() // 4, x, y: SEC 1, section 2.3.3
	return err == nil && bytes.Equal(public[1:], append(bytes.Clone(x), y...))
}
