package verify

import (
	"crypto"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
)

// typical is a token of the size, and a policy with the work, of most.
func typical(b *testing.B, alg, kid string, key crypto.Signer) (v *Verifier, p *Policy, token string) {
	s := goodScene()
	s.header["alg"], s.header["kid"], s.alg, s.key = alg, kid, alg, key
	s.policy.ClaimHeaders = []ClaimHeader{{"sub", "x-jwt-sub"}, {"roles", "x-jwt-roles"}}
	s.claims["aud"] = []string{"https://api.example.com", "api"}
	s.claims["roles"] = []string{"user", "auditor"}
	s.claims["jti"], s.claims["email"] = strings.Repeat("0123456789abcdef", 2), "someone@example.com"
	s.claims["permissions"] = []string{"read:orders", "write:orders"}
	v, p = s.verifier(b)
	return v, p, s.token()
}

// BenchmarkDecide judges a token that was never seen before. What counts is the
// ratio to the bare signature check of the standard library, by turns on the same
// token, so that a busy machine slows both alike.
func BenchmarkDecide(b *testing.B) {
	for _, s := range []struct {
		alg, kid string
		key      crypto.Signer
	}{{"RS256", "rsa", rsaKey()}, {"ES256", "ec", p256Key()}, {"EdDSA", "ed", edKey()}} {
		v, p, text := typical(b, s.alg, s.kid, s.key)
		token, public := must(jose.Read(text)), s.key.Public()
		b.Run(s.alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := v.Decide(p, text, at(0)); !d.OK() {
					b.Fatal(d.Detail)
				}
			}
		})
		b.Run(s.alg+"-against-bare", func(b *testing.B) {
			var ours, bare time.Duration
			for b.Loop() {
				start := time.Now()
				d := v.Decide(p, text, at(0))
				between := time.Now()
				ok := bareVerify(s.alg, public, token.SigningInput, token.Signature)
				ours, bare = ours+between.Sub(start), bare+time.Since(between)
				if !d.OK() || !ok {
					b.Fatal(d.Detail, ok)
				}
			}
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ours-ns/op")
			b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N), "bare-ns/op")
			b.ReportMetric(float64(ours)/float64(bare), "ratio")
		})
	}
}

// BenchmarkDecideSeen judges tokens that were seen before, by turns many of them, of
// one issuer or many with a key each, beside the SHA-256 of such a token.
func BenchmarkDecideSeen(b *testing.B) {
	for _, tt := range []struct{ issuers, tokens int }{{1, 1}, {1, 10_000}, {10_000, 1}, {10_000, 10_000}} {
		b.Run(fmt.Sprintf("issuers=%d/tokens=%d", tt.issuers, tt.tokens), func(b *testing.B) {
			v, p, tokens := seen(tt.issuers, tt.tokens)
			room := make([]HeaderValue, 0, len(p.ClaimHeaders))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if d := v.DecideBytes(p, tokens[i%len(tokens)], at(0), room); d.Cache != CacheHit {
					b.Fatal(d.Reason, d.Cache)
				}
				i++
			}
		})
	}
	_, _, tokens := crowd(1, 1)
	b.Run("sha256", func(b *testing.B) {
		token := []byte(tokens[0])
		for b.Loop() {
			sha256.Sum256(token)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		v, p, tokens := seen(1, 1000)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			room := make([]HeaderValue, 0, len(p.ClaimHeaders))
			for i := 0; pb.Next(); i++ {
				v.DecideBytes(p, tokens[i%len(tokens)], at(0), room)
			}
		})
	})
}

// seen is a crowd whose tokens are in the token cache.
func seen(issuers, tokens int) (*Verifier, *Policy, [][]byte) {
	v, p, texts := crowd(issuers, tokens)
	all := make([][]byte, len(texts))
	for i, text := range texts {
		v.Decide(p, text, at(0))
		all[i] = []byte(text)
	}
	return v, p, all
}

// crowd is a verifier of many issuers, each with a key, and typical tokens of them.
func crowd(issuers, tokens int) (*Verifier, *Policy, []string) {
	s := goodScene()
	s.claims["jti"], s.claims["email"] = strings.Repeat("0123456789abcdef", 2), "someone@example.com"
	s.claims["permissions"] = strings.Repeat("read:orders write:orders ", 16)
	p := &Policy{Name: DefaultPolicy, ClaimHeaders: []ClaimHeader{{"sub", "x-jwt-sub"}, {"scope", "x-jwt-scope"}}}
	for i := range issuers {
		issuer := s.issuer
		issuer.Name, issuer.ID = fmt.Sprint("i", i), fmt.Sprint("https://issuer-", i, ".example.com")
		issuer.Keys = holding(s.set)
		p.Issuers = append(p.Issuers, &issuer)
	}
	all := make([]string, tokens)
	for i := range all {
		s.claims["iss"], s.claims["sub"] = p.Issuers[i%issuers].ID, fmt.Sprint("user-", i)
		all[i] = s.token()
	}
	return must(New([]*Policy{p}, 64<<20)), p, all
}

// BenchmarkDecideNew is a token's first time, with a cache that it enters.
func BenchmarkDecideNew(b *testing.B) {
	for _, s := range []struct {
		alg, kid string
		key      crypto.Signer
	}{{"RS256", "rsa", rsaKey()}, {"ES256", "ec", p256Key()}, {"EdDSA", "ed", edKey()}} {
		b.Run(s.alg, func(b *testing.B) {
			plain, p, text := typical(b, s.alg, s.kid, s.key)
			v := must(New(plain.Policies(), roomy))
			cache := v.cache.Load()
			b.ReportAllocs()
			for b.Loop() {
				if d := v.Decide(p, text, at(0)); d.Cache != CacheMiss || !d.OK() {
					b.Fatal(d.Detail)
				}
				cache.entries.InvalidateAll()
			}
		})
	}
}

// BenchmarkRefuse judges tokens that anybody can make, in floods. The last one is
// what every guard pays for a forged token: the others should stay about under it.
func BenchmarkRefuse(b *testing.B) {
	for _, tt := range []struct {
		name  string
		spoil func(*scene)
	}{
		{"garbage", text(func(string) string { return strings.Repeat("A.", 4096) })},
		{"deep", claim("deep", raw(strings.Repeat("[", 2900)+strings.Repeat("]", 2900)))},
		{"names", func(s *scene) {
			s.header["kid"] = "other"
			for i := range 400 {
				s.claims[fmt.Sprintf("name%04d", i)] = 1
			}
		}},
		{"issuer", claim("iss", strings.Repeat("x", 5000))},
		{"kid", header("kid", strings.Repeat("x", 1400))},
		{"signature", text(forged)},
	} {
		s := goodScene()
		tt.spoil(s)
		v, p := s.verifier(b)
		token := s.token()
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.Decide(p, token, at(0))
			}
		})
	}
}
