package devissuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // registers the hashes named below
	_ "crypto/sha512"
	"fmt"
)

// rsaHashes are the hashes of the RSA algorithms (RFC 7518, sections 3.3 and
// 3.5).
var rsaHashes = map[string]crypto.Hash{
	"RS256": crypto.SHA256, "RS384": crypto.SHA384, "RS512": crypto.SHA512,
	"PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512,
}

// ecdsaHashes are the hashes of the ECDSA algorithms (RFC 7518, section 3.4).
var ecdsaHashes = map[string]crypto.Hash{
	"ES256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512,
}

// Sign gives the JWS signature over input by the key's algorithm. It panics if
// the algorithm does not fit the key.
func (k *Key) Sign(input []byte) []byte {
	switch priv := k.signer.(type) {
	case *rsa.PrivateKey:
		h := hashOf(rsaHashes, k.Alg)
		if k.Alg[0] == 'P' {
			opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return must(rsa.SignPSS(rand.Reader, priv, h, digest(h, input), opts))
		}
		return must(rsa.SignPKCS1v15(rand.Reader, priv, h, digest(h, input)))
	case *ecdsa.PrivateKey:
		h := hashOf(ecdsaHashes, k.Alg)
		r, s, err := ecdsa.Sign(rand.Reader, priv, digest(h, input))
		must(0, err)
		size := (priv.Curve.Params().BitSize + 7) / 8
		sig := make([]byte, 2*size)
		r.FillBytes(sig[:size])
		s.FillBytes(sig[size:])
		return sig
	case ed25519.PrivateKey:
		return ed25519.Sign(priv, input)
	default:
		panic(fmt.Sprintf("devissuer: a key of type %T", k.signer))
	}
}

func hashOf(hashes map[string]crypto.Hash, alg string) crypto.Hash {
	h, ok := hashes[alg]
	if !ok {
		panic(fmt.Sprintf("devissuer: alg %q does not fit the key", alg))
	}
	return h
}

func digest(h crypto.Hash, input []byte) []byte {
	d := h.New()
	d.Write(input)
	return d.Sum(nil)
}
