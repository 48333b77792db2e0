package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"testing"
	"time"
)

func BenchmarkRead(b *testing.B) {
	token := typicalToken(b, "ES256")
	b.SetBytes(int64(len(token)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadAndUse(b *testing.B) {
	token := typicalToken(b, "ES256")
	b.ReportAllocs()
	for b.Loop() {
		t, err := Read(token)
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range []string{"alg", "kid", "typ"} {
			v, _ := t.Header.Get(name)
			v.String()
		}
		for _, name := range []string{"exp", "nbf", "iat"} {
			v, _ := t.Claims.Get(name)
			v.Integer()
		}
		iss, _ := t.Claims.Get("iss")
		iss.String()
		aud, _ := t.Claims.Get("aud")
		aud.Strings()
	}
}

// BenchmarkVerify compares Verify with the bare standard library: both by turns
// on the same token, so that a busy machine slows them alike. What counts is the
// ratio.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		token, err := Read(typicalToken(b, alg))
		if err != nil {
			b.Fatal(err)
		}
		key := signers()[alg].Public()
		b.Run(alg, func(b *testing.B) {
			var ours, bare time.Duration
			for b.Loop() {
				start := time.Now()
				err := Verify(alg, key, token.SigningInput, token.Signature)
				between := time.Now()
				ok := bareVerify(alg, key, token)
				ours, bare = ours+between.Sub(start), bare+time.Since(between)
				if err != nil || !ok {
					b.Fatalf("refused: %v, %v", err, ok)
				}
			}
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ours-ns/op")
			b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N), "bare-ns/op")
			b.ReportMetric(float64(ours)/float64(bare), "ratio")
		})
	}
}

func bareVerify(alg string, key crypto.PublicKey, t *Token) bool {
	switch alg {
	case "RS256":
		return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, digest(t.SigningInput), t.Signature) == nil
	case "PS256":
		o := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, digest(t.SigningInput), t.Signature, &o) == nil
	case "ES256":
		r, s := new(big.Int).SetBytes(t.Signature[:32]), new(big.Int).SetBytes(t.Signature[32:])
		return ecdsa.Verify(key.(*ecdsa.PublicKey), digest(t.SigningInput), r, s)
	}
	return ed25519.Verify(key.(ed25519.PublicKey), []byte(t.SigningInput), t.Signature)
}

func BenchmarkReadKeys(b *testing.B) {
	keys := []any{}
	for _, s := range signers() {
		keys = append(keys, jwkOf(b, s.Public()))
	}
	body := documentOf(b, keys...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadKeys(body); err != nil {
			b.Fatal(err)
		}
	}
}
