package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/bits"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// minModulus is the smallest RSA modulus, RFC 7518, section 3.3.
	minModulus = 2048 // bits
	// maxModulus bounds what one signature may cost; 8192 bits take about 16
	// times as long as 2048.
	maxModulus = 8192 // bits
	// maxExponent is the largest public exponent that crypto/rsa verifies with.
	maxExponent = 1<<31 - 1
)

// material is what a key is made of, and what it is known by.
type material struct {
	public     crypto.PublicKey // nil if it must not be used
	jwk        []byte           // RFC 7638, section 3: required members only, ordered, without space
	thumbprint string
	modulus    string // hash of the RSA modulus; empty for others
}

// coordinateSize is how long x and y are on the curves of RFC 7518, section 6.2.
var coordinateSize = map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}

// readMaterial reads the public members of a JWK. With a reason, the key must
// not be used; if its members could be read all the same, the rest of the
// material is there without the key itself.
func readMaterial(kty string, o Object) (material, keyset.SkipReason) {
	switch kty {
	case "RSA":
		return readRSA(o)
	case "EC":
		return readEC(o)
	case "OKP":
		return readOKP(o)
	}
	return material{}, keyset.SkipType
}

func readRSA(o Object) (material, keyset.SkipReason) {
	n, okN := bytesOf(o, "n")
	e, okE := bytesOf(o, "e")
	if !okN || !okE {
		return material{}, keyset.SkipMalformed
	}
	// RFC 7518, section 6.3.1.1 forbids leading zeros and notes that some
	// write one. The same key must get the same thumbprint.
	n, e = trimZeros(n), trimZeros(e)
	if len(n) == 0 {
		return material{}, keyset.SkipRSASize
	}
	m := newMaterial(`{"e":"`, encode(e), `","kty":"RSA","n":"`, encode(n), `"}`)
	hash := sha256.Sum256(n)
	m.modulus = encode(hash[:])

	size := (len(n)-1)*8 + bits.Len8(n[0])
	exponent := uint64(0)
	for _, b := range e[:min(len(e), 5)] { // five bytes without leading zeros are too many already
		exponent = exponent<<8 | uint64(b)
	}
	switch {
	case size < minModulus || size > maxModulus:
		return m, keyset.SkipRSASize
	case exponent%2 == 0 || exponent == 1 || exponent > maxExponent:
		return m, keyset.SkipRSAExponent
	case n[len(n)-1]%2 == 0: // no product of two odd primes
		return m, keyset.SkipMalformed
	}
	return m.parse(keyset.SkipMalformed)
}

func readEC(o Object) (material, keyset.SkipReason) {
	crv, ok := stringOf(o, "crv")
	if !ok {
		return material{}, keyset.SkipMalformed
	}
	size, ok := coordinateSize[crv]
	if !ok {
		return material{}, keyset.SkipType
	}
	x, okX := bytesOf(o, "x")
	y, okY := bytesOf(o, "y")
	if !okX || !okY || len(x) != size || len(y) != size { // RFC 7518, sections 6.2.1.2 and 6.2.1.3
		return material{}, keyset.SkipMalformed
	}
	m := newMaterial(`{"crv":"`, crv, `","kty":"EC","x":"`, encode(x), `","y":"`, encode(y), `"}`)
	return m.parse(keyset.SkipPointInvalid)
}

func readOKP(o Object) (material, keyset.SkipReason) {
	crv, ok := stringOf(o, "crv")
	if !ok {
		return material{}, keyset.SkipMalformed
	}
	if crv != "Ed25519" {
		return material{}, keyset.SkipType
	}
	x, ok := bytesOf(o, "x")
	if !ok || len(x) != ed25519.PublicKeySize {
		return material{}, keyset.SkipMalformed
	}
	m := newMaterial(`{"crv":"Ed25519","kty":"OKP","x":"`, encode(x), `"}`)
	if !validEd25519(x) {
		return m, keyset.SkipPointInvalid
	}
	return m.parse(keyset.SkipMalformed)
}

func newMaterial(canonical ...string) material {
	text := []byte(strings.Join(canonical, ""))
	hash := sha256.Sum256(text)
	return material{jwk: text, thumbprint: encode(hash[:])}
}

// parse has jwx read the canonical form, so it never sees what an issuer wrote.
// If jwx refuses it, that is for the given reason: the rest was checked.
func (m material) parse(reason keyset.SkipReason) (material, keyset.SkipReason) {
	key, err := jwk.ParseKey(m.jwk)
	if err != nil {
		return m, reason
	}
	var public any
	if err := jwk.Export(key, &public); err != nil {
		return m, reason
	}
	switch public.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		m.public = public
		return m, ""
	}
	return m, reason
}

// bytesOf reads a member that must be a base64url string of at least one byte.
func bytesOf(o Object, name string) ([]byte, bool) {
	s, ok := stringOf(o, name)
	if !ok {
		return nil, false
	}
	b, err := appendBase64(nil, s)
	return b, err == nil && len(b) > 0
}

func stringOf(o Object, name string) (string, bool) {
	v, _ := o.Get(name)
	return v.String()
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}
