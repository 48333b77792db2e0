package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"slices"
	"testing"
)

// Verify takes a signature where crypto does, which looks at the bytes itself, and
// nowhere else: of any algorithm and key, good, changed or foreign.
func FuzzSignature(f *testing.F) {
	for i := range Algorithms() {
		for k := range Algorithms() {
			f.Add("header.payload", uint8(i), uint8(k), uint16(0), uint8(0), []byte{})
		}
		f.Add("header.payload", uint8(i), uint8(i), uint16(5), uint8(1), []byte{})
		f.Add("", uint8(i), uint8(i), uint16(0), uint8(0), []byte{0})
		f.Add("", uint8(i), uint8(i), uint16(1), uint8(0), []byte{0})
		f.Add("x", uint8(i), uint8(i), uint16(2), uint8(0), make([]byte, 64))
	}
	f.Fuzz(func(t *testing.T, input string, alg, signedBy uint8, at uint16, flip uint8, more []byte) {
		names := Algorithms()
		name, by := names[int(alg)%len(names)], names[int(signedBy)%len(names)]
		key := signers()[by].Public()
		signature := sign(t, by, input)
		signature[int(at)%len(signature)] ^= flip
		switch {
		case len(more) == 0:
		case at%3 == 0:
			signature = append(signature, more...)
		case at%3 == 1:
			signature = append(slices.Clone(more), signature...)
		default:
			signature = more
		}
		got, want := Verify(name, key, input, signature) == nil, judge(name, key, input, signature)
		if got != want {
			t.Fatalf("%s by a %T: accepted: %t, and by crypto: %t: %x", name, key, got, want, signature)
		}
		if untouched := name == by && flip == 0 && len(more) == 0; untouched && !got {
			t.Fatalf("%s: a good signature is refused", name)
		}
	})
}

// judge is the standard library's opinion of a signature, by RFC 7518, sections 3.3 to
// 3.5, and RFC 8037, section 3.1.
func judge(name string, key crypto.PublicKey, input string, signature []byte) bool {
	a, _ := known(name)
	if !a.fits(key) {
		return false
	}
	var digest []byte
	if a.family != edDSA {
		h := a.hash.New()
		h.Write([]byte(input))
		digest = h.Sum(nil)
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(k, []byte(input), signature)
	case *ecdsa.PublicKey:
		half := (k.Curve.Params().BitSize + 7) / 8
		return len(signature) == 2*half &&
			ecdsa.Verify(k, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
	case *rsa.PublicKey:
		if a.family == rsaPSS {
			return rsa.VerifyPSS(k, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, a.hash, digest, signature) == nil
	}
	return false
}
