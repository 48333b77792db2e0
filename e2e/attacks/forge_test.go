package attacks

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"text/template"
)

// words are the functions of the templates.
func (p *parts) words() template.FuncMap {
	return template.FuncMap{
		"repeat": func(n int, s string) string { return strings.Repeat(s, n) },
		"bytes":  func(digits string) string { return string(must(hex.DecodeString(digits))) },
		"encode": func(s string) string { return encode([]byte(s)) },
		"jwk":    func(kid string) string { return keys()[kid].jwk(nil) },
		"size":   func(n int, s string) string { return s[:n] },
		// signatures of another form; digits are bytes in hexadecimal
		"zeros":   func(n int) string { return encode(make([]byte, n)) },
		"der":     p.der,
		"padded":  p.padded,
		"trimmed": func(n int) string { return encode(p.signed[:len(p.signed)-n]) },
		"longer": func(digits string) string {
			return encode(append(p.signed[:len(p.signed):len(p.signed)], must(hex.DecodeString(digits))...))
		},
		"before":    func(digits string) string { return encode(append(must(hex.DecodeString(digits)), p.signed...)) },
		"rs":        p.rs,
		"plus":      p.plusModulus,
		"mirrored":  p.mirrored,
		"flipped":   func() string { b := slices.Clone(p.signed); b[len(b)/2] ^= 1; return encode(b) },
		"unreduced": p.unreduced,
		// signatures of other tokens, and parts that were changed after they were signed
		"last":   func(token string) string { return token[strings.LastIndexByte(token, '.')+1:] },
		"change": change64,
		// spellings in base64 that decode to the same bytes somewhere
		"stray":    stray,
		"standard": func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) },
		"chunks":   func(s, with string) string { return s[:8] + with + s[8:] },
		"std":      func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	}
}

func (p *parts) halves() (r, s *big.Int) {
	n := len(p.signed) / 2
	return new(big.Int).SetBytes(p.signed[:n]), new(big.Int).SetBytes(p.signed[n:])
}

// der is the signature as X.509 and TLS write it.
func (p *parts) der() string {
	r, s := p.halves()
	return encode(must(asn1.Marshal(struct{ R, S *big.Int }{r, s})))
}

// padded has n more zeros before R and S.
func (p *parts) padded(n int) string {
	r, s := p.halves()
	size := len(p.signed)/2 + n
	return encode(append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...))
}

// rs is a signature of two numbers: 0, 1, n (the order of the curve), n-1, p (its
// field), r or s (the good ones).
func (p *parts) rs(names ...string) string {
	curve := p.from.signer.(*ecdsa.PrivateKey).Curve.Params()
	r, s := p.halves()
	one := big.NewInt(1)
	all := map[string]*big.Int{
		"0": {}, "1": one, "n": curve.N, "n-1": new(big.Int).Sub(curve.N, one), "p": curve.P,
		"r": r, "s": s,
	}
	var b []byte
	for _, name := range names {
		b = append(b, all[name].FillBytes(make([]byte, len(p.signed)/2))...)
	}
	return encode(b)
}

// mirrored is the other ECDSA signature that anybody can make of one: R and n - S. It
// is as good as the first.
func (p *parts) mirrored() string {
	r, s := p.halves()
	s.Sub(p.from.signer.(*ecdsa.PrivateKey).Params().N, s)
	half := len(p.signed) / 2
	return encode(append(r.FillBytes(make([]byte, half)), s.FillBytes(make([]byte, half))...))
}

// plusModulus is an RSA signature s + k·N, which is the same number to whoever only
// raises it to a power.
func (p *parts) plusModulus() string {
	n := p.from.signer.Public().(*rsa.PublicKey).N
	return encode(new(big.Int).Add(new(big.Int).SetBytes(p.signed), n).Bytes())
}

// unreduced is an Ed25519 signature whose S was not reduced: RFC 8032, section 5.1.7.
func (p *parts) unreduced() string {
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	b := slices.Clone(p.signed)
	s := b[32:]
	slices.Reverse(s)
	l.Add(l, new(big.Int).SetBytes(s)).FillBytes(s)
	slices.Reverse(s)
	return encode(b)
}

// change64 replaces a text in an encoded one.
func change64(part, old, new string) string {
	text := string(must(base64.RawURLEncoding.DecodeString(part)))
	if strings.Count(text, old) != 1 {
		panic(fmt.Sprintf("%q does not stand once in %s", old, text))
	}
	return encode([]byte(strings.Replace(text, old, new, 1)))
}

// stray sets a bit behind the last whole byte, which decodes to nothing.
func stray(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(s)%4 == 0 {
		panic("no bits are left over here")
	}
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last|1])
}
