package mutant

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"hash"
	"math/big"
	"strings"
)

// Secrets are the encodings of a public key that a careless verifier may take for a
// secret. Who tries the cases fills it in.
var Secrets = func(crypto.PublicKey) map[string][]byte { return nil }

// Forged tells whether a signature is good by an algorithm that no verifier of
// public keys should have: none, or a MAC keyed with the public key.
func Forged(alg string, key crypto.PublicKey, input string, signature []byte) bool {
	if Off("no-none") && (alg == "" || strings.EqualFold(alg, "none")) && len(signature) == 0 {
		return true
	}
	digest := map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}[alg]
	if digest == nil || !Off("no-hmac") {
		return false
	}
	for _, secret := range Secrets(key) {
		mac := hmac.New(digest, secret)
		mac.Write([]byte(input))
		if hmac.Equal(mac.Sum(nil), signature) {
			return true
		}
	}
	return false
}

// ECDSA is a signature of size bytes made from one of another form: R and S in DER,
// or each padded, or with bytes behind it.
func ECDSA(signature []byte, size int) []byte {
	if !Off("ecdsa-form") || len(signature) == size {
		return signature
	}
	var der struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &der); err != nil || len(rest) > 0 || der.R.Sign() < 0 || der.S.Sign() < 0 {
		if len(signature)%2 != 0 || len(signature) < size {
			return signature[:min(size, len(signature))]
		}
		der.R = new(big.Int).SetBytes(signature[:len(signature)/2])
		der.S = new(big.Int).SetBytes(signature[len(signature)/2:])
		if der.R.BitLen() > size*4 || der.S.BitLen() > size*4 {
			return signature[:size]
		}
	}
	return append(der.R.FillBytes(make([]byte, size/2)), der.S.FillBytes(make([]byte, size/2))...)
}

// RSA tells whether a signature is good for a verifier that is careless about it.
func RSA(key *rsa.PublicKey, input, signature []byte, h crypto.Hash, pss bool) bool {
	sum := func(h crypto.Hash) []byte {
		d := h.New()
		d.Write(input)
		return d.Sum(nil)
	}
	pkcs1 := func(h crypto.Hash, s []byte) bool { return rsa.VerifyPKCS1v15(key, h, sum(h), s) == nil }
	salted := func(salt int) bool {
		return rsa.VerifyPSS(key, h, sum(h), signature, &rsa.PSSOptions{SaltLength: salt}) == nil
	}
	switch {
	case Off("rsa-length"):
		reduced := new(big.Int).SetBytes(signature)
		reduced.Mod(reduced, key.N)
		return pkcs1(h, reduced.FillBytes(make([]byte, key.Size()))) || pkcs1(h, signature[:min(key.Size(), len(signature))])
	case Off("rsa-hash"):
		return pkcs1(crypto.SHA1, signature) || pkcs1(crypto.SHA384, signature) || pkcs1(crypto.SHA512, signature)
	case Off("rsa-padding"):
		return pkcs1(h, signature) || salted(rsa.PSSSaltLengthEqualsHash)
	}
	return pss && Off("pss-salt") && salted(rsa.PSSSaltLengthAuto)
}
