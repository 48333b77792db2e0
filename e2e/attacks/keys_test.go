package attacks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // what no algorithm of ours uses, and a forger may
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
)

// key is a signing key. What it is named by in a case is its kid, but for those of
// the attacker, whom nobody publishes.
type key struct {
	kid, alg string
	public   bool // listed with its alg; else with none
	signer   crypto.Signer
}

// The keys are made once a run, the RSA ones at the same time: they take long. The
// guard's own code and its library have no part in it, so that no mistake of theirs
// can hide here.
var keys = sync.OnceValue(func() map[string]*key {
	all := map[string]*key{
		"ec": {alg: "ES256", public: true}, "rsa": {alg: "RS256", public: true}, "ps": {alg: "PS256", public: true}, "ed": {alg: "EdDSA", public: true},
		"ed25519": {alg: "Ed25519", public: true}, "rsa-any": {alg: "RS256"}, "ec-any": {alg: "ES256"}, "ed-any": {alg: "EdDSA"}, "ec384": {alg: "ES384", public: true}, "ec521": {alg: "ES512", public: true},
		"pending": {alg: "ES256", public: true}, "retired": {alg: "ES256", public: true}, "revoked": {alg: "ES256", public: true}, "withdrawn": {alg: "ES256", public: true},
		"partner": {alg: "ES256", public: true}, "partner-ec": {alg: "ES256", public: true},
		"mallory-ec": {alg: "ES256"}, "mallory-rsa": {alg: "RS256"}, "mallory-ed": {alg: "EdDSA"},
	}
	var group sync.WaitGroup
	for kid, k := range all {
		group.Go(func() { k.kid, k.signer = kid, newSigner(k.alg) })
	}
	group.Wait()
	all["partner-ec"].kid = "ec" // another issuer's, of the same name
	return all
})

func newSigner(alg string) crypto.Signer {
	switch alg {
	case "ES256":
		return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case "ES384":
		return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	case "ES512":
		return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	case "EdDSA", "Ed25519":
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return must(k, err)
	}
	return must(rsa.GenerateKey(rand.Reader, 2048))
}

// jwk is the public key as its issuer lists it, with further members.
func (k *key) jwk(more map[string]any) string {
	o := map[string]any{"kid": k.kid}
	if k.public {
		o["alg"], o["use"] = k.alg, "sig"
	}
	for name, v := range members(k.signer.Public()) {
		o[name] = v
	}
	for name, v := range more {
		o[name] = v
	}
	return string(must(json.Marshal(o)))
}

// members are those of the JWK that the key is made of.
func members(public crypto.PublicKey) map[string]any {
	o := map[string]any{}
	switch p := public.(type) {
	case *rsa.PublicKey:
		o["kty"], o["n"], o["e"] = "RSA", encode(p.N.Bytes()), encode(big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PublicKey:
		point := must(p.Bytes())[1:]
		o["kty"], o["crv"], o["x"], o["y"] = "EC", p.Curve.Params().Name, encode(point[:len(point)/2]), encode(point[len(point)/2:])
	case ed25519.PublicKey:
		o["kty"], o["crv"], o["x"] = "OKP", "Ed25519", encode(p)
	}
	return o
}

// encodings are the forms in which a public key lies about, each of which was the
// secret of a forgery somewhere.
func encodings(public crypto.PublicKey) map[string][]byte {
	der := must(x509.MarshalPKIXPublicKey(public))
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	all := map[string][]byte{
		"pem": text, "pem without the last line end": text[:len(text)-1], "der": der, "jwk": must(json.Marshal(members(public))), "nothing": nil,
	}
	if p, ok := public.(*rsa.PublicKey); ok {
		all["pkcs1 der"] = x509.MarshalPKCS1PublicKey(p)
		all["pkcs1 pem"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: all["pkcs1 der"]})
		all["modulus"] = p.N.Bytes()
	}
	return all
}

// hashes of the algorithms, by the digits of their names: RFC 7518, section 3.1.
// There is no RS1.
var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512, "1": crypto.SHA1}

// sign signs by an algorithm of RFC 7518, RFC 8037 or RFC 9864, written down a second
// time. A salt other than 0 is the length of a PSS salt; -1 is as long as the key allows.
func (k *key) sign(alg, input string, salt int) []byte {
	if alg == "EdDSA" || alg == "Ed25519" {
		return must(k.signer.Sign(nil, []byte(input), crypto.Hash(0)))
	}
	hash := hashes[alg[2:]]
	h := hash.New()
	h.Write([]byte(input))
	digest := h.Sum(nil)
	switch alg[:2] {
	case "RS":
		return must(k.signer.Sign(rand.Reader, digest, hash))
	case "PS":
		switch salt {
		case 0:
			salt = rsa.PSSSaltLengthEqualsHash
		case -1:
			salt = rsa.PSSSaltLengthAuto
		}
		return must(k.signer.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: salt, Hash: hash}))
	case "ES":
		p := k.signer.(*ecdsa.PrivateKey)
		var s struct{ R, S *big.Int }
		must(asn1.Unmarshal(must(p.Sign(rand.Reader, digest, hash)), &s))
		b := make([]byte, (p.Params().BitSize+7)/8*2)
		s.R.FillBytes(b[:len(b)/2])
		s.S.FillBytes(b[len(b)/2:])
		return b
	}
	panic(fmt.Sprintf("no algorithm %q", alg))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
