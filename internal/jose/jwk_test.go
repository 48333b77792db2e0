package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// One bad key is skipped, with its reason; a good one beside it loads.
func TestBadKeyIsSkippedAndTheOthersLoad(t *testing.T) {
	rsa := func(with ...any) any { return jwkOf(t, rsaKey().Public(), with...) }
	ec := func(with ...any) any { return jwkOf(t, p256Key().Public(), with...) }
	ed := func(with ...any) any { return jwkOf(t, edKey().Public(), with...) }
	x, y := p256Key().X, p256Key().Y
	field := elliptic.P256().Params().P
	coordinate := func(n *big.Int, size int) string { return encode(n.FillBytes(make([]byte, size))) }
	one, three := big.NewInt(1), big.NewInt(3)
	modulus := func(bits uint) *big.Int { // odd, exactly that long
		return new(big.Int).Add(new(big.Int).Lsh(one, bits-1), three)
	}
	e := big.NewInt(65537)

	for name, c := range map[string]struct {
		key    any
		kid    string // in the answer
		reason keyset.SkipReason
	}{
		"null":     {nil, "", keyset.SkipMalformed},
		"number":   {1, "", keyset.SkipMalformed},
		"array":    {[]any{rsa()}, "", keyset.SkipMalformed},
		"empty":    {map[string]any{}, "", keyset.SkipMalformed},
		"text":     {`{"kty":"RSA"}`, "", keyset.SkipMalformed},
		"Kid, Kty": {map[string]any{"Kid": "k", "Kty": "RSA"}, "", keyset.SkipMalformed},
		"kid only": {map[string]any{"kid": "k"}, "k", keyset.SkipMalformed},

		"kid absent":           {rsa("kid", nil), "", keyset.SkipNoKid},
		"kid empty":            {rsa("kid", ""), "", keyset.SkipNoKid},
		"kid null":             {rsa("kid", json.RawMessage("null")), "", keyset.SkipNoKid},
		"kid a number":         {rsa("kid", 1), "", keyset.SkipNoKid},
		"kid an array":         {rsa("kid", []string{"k"}), "", keyset.SkipNoKid},
		"KID":                  {rsa("kid", nil, "KID", "k"), "", keyset.SkipNoKid},
		"kid of 257":           {rsa("kid", strings.Repeat("k", 257)), "", keyset.SkipMalformed},
		"kid with line break":  {rsa("kid", "k\r\nx-admin: 1"), "", keyset.SkipMalformed},
		"kid with NUL":         {rsa("kid", "k\x00"), "", keyset.SkipMalformed},
		"kid with DEL":         {rsa("kid", "k\x7f"), "", keyset.SkipMalformed},
		"kid with C1":          {rsa("kid", "k\u0085"), "", keyset.SkipMalformed},
		"kid written backward": {rsa("kid", "k\u202e"), "", keyset.SkipMalformed},
		"kid with odd space":   {rsa("kid", "k\u2028"), "", keyset.SkipMalformed},

		"kty null":            {rsa("kty", json.RawMessage("null")), "k", keyset.SkipMalformed},
		"kty an array":        {rsa("kty", []string{"RSA"}), "k", keyset.SkipMalformed},
		"kty rsa":             {rsa("kty", "rsa"), "k", keyset.SkipType},
		"kty AKP":             {map[string]any{"kid": "k", "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}, "k", keyset.SkipType},
		"kty oct":             {map[string]any{"kid": "k", "kty": "oct", "k": "c2VjcmV0"}, "k", keyset.SkipSymmetric},
		"kty oct without kid": {map[string]any{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}, "", keyset.SkipSymmetric},

		"use enc":          {rsa("use", "enc"), "k", keyset.SkipUse},
		"use SIG":          {rsa("use", "SIG"), "k", keyset.SkipUse},
		"use empty":        {rsa("use", ""), "k", keyset.SkipUse},
		"use of another":   {rsa("use", "jwt-svid"), "k", keyset.SkipUse},
		"use null":         {rsa("use", json.RawMessage("null")), "k", keyset.SkipMalformed},
		"use an array":     {rsa("use", []string{"sig"}), "k", keyset.SkipMalformed},
		"key_ops sign":     {rsa("key_ops", []string{"sign"}), "k", keyset.SkipOperations},
		"key_ops empty":    {rsa("key_ops", []string{}), "k", keyset.SkipOperations},
		"key_ops Verify":   {rsa("key_ops", []string{"Verify"}), "k", keyset.SkipOperations},
		"key_ops a string": {rsa("key_ops", "verify"), "k", keyset.SkipMalformed},
		"key_ops mixed":    {rsa("key_ops", []any{"verify", 1}), "k", keyset.SkipMalformed},
		"key_ops null":     {rsa("key_ops", json.RawMessage("null")), "k", keyset.SkipMalformed},
		"enc, RSA-OAEP":    {rsa("use", "enc", "alg", "RSA-OAEP"), "k", keyset.SkipUse},

		"alg RSA-OAEP":       {rsa("alg", "RSA-OAEP"), "k", keyset.SkipAlgorithm},
		"alg HS256":          {rsa("alg", "HS256"), "k", keyset.SkipAlgorithm},
		"alg none":           {rsa("alg", "none"), "k", keyset.SkipAlgorithm},
		"alg rs256":          {rsa("alg", "rs256"), "k", keyset.SkipAlgorithm},
		"alg empty":          {rsa("alg", ""), "k", keyset.SkipAlgorithm},
		"alg null":           {rsa("alg", json.RawMessage("null")), "k", keyset.SkipMalformed},
		"alg an array":       {rsa("alg", []string{"RS256"}), "k", keyset.SkipMalformed},
		"alg of another kty": {rsa("alg", "ES256"), "k", keyset.SkipAlgorithm},
		"alg of another crv": {ec("alg", "ES384"), "k", keyset.SkipAlgorithm},
		"alg of EC for OKP":  {ed("alg", "ES256"), "k", keyset.SkipAlgorithm},
		"alg of OKP for EC":  {ec("alg", "Ed25519"), "k", keyset.SkipAlgorithm},
		"alg ed25519":        {ed("alg", "ed25519"), "k", keyset.SkipAlgorithm},
		"alg Ed448":          {ed("alg", "Ed448"), "k", keyset.SkipAlgorithm},
		"alg ESP256 of COSE": {ec("alg", "ESP256"), "k", keyset.SkipAlgorithm},

		"nbf a string":   {rsa("nbf", "1000"), "k", keyset.SkipMalformed},
		"nbf a fraction": {rsa("nbf", 1000.5), "k", keyset.SkipMalformed},
		"nbf null":       {rsa("nbf", json.RawMessage("null")), "k", keyset.SkipMalformed},
		"exp negative":   {rsa("exp", -1), "k", keyset.SkipMalformed},
		"exp too far":    {rsa("exp", int64(253402300800)), "k", keyset.SkipMalformed},
		"exp 2^63":       {rsa("exp", json.RawMessage("9223372036854775808")), "k", keyset.SkipMalformed},
		"exp 1e9":        {rsa("exp", json.RawMessage("1e9")), "k", keyset.SkipMalformed},

		"n absent":          {rsa("n", nil), "k", keyset.SkipMalformed},
		"n empty":           {rsa("n", ""), "k", keyset.SkipMalformed},
		"n a number":        {rsa("n", 65537), "k", keyset.SkipMalformed},
		"n padded":          {rsa("n", rsaJWK(rsaKey().N, e)["n"].(string)+"=="), "k", keyset.SkipMalformed},
		"n with newline":    {rsa("n", rsaJWK(rsaKey().N, e)["n"].(string)+"\n"), "k", keyset.SkipMalformed},
		"n zero":            {rsa("n", "AAAA"), "k", keyset.SkipRSASize},
		"n of 1024":         {rsaJWK(modulus(1024), e), "k", keyset.SkipRSASize},
		"n of 2047":         {rsaJWK(modulus(2047), e), "k", keyset.SkipRSASize},
		"n of 8193":         {rsaJWK(modulus(8193), e), "k", keyset.SkipRSASize},
		"n of 100,000":      {rsaJWK(modulus(100_000), e), "k", keyset.SkipRSASize},
		"n even":            {rsaJWK(new(big.Int).Add(modulus(2048), one), e), "k", keyset.SkipMalformed},
		"e absent":          {rsa("e", nil), "k", keyset.SkipMalformed},
		"e empty":           {rsa("e", ""), "k", keyset.SkipMalformed},
		"e with stray bits": {rsa("e", "Ax"), "k", keyset.SkipMalformed},
		"e 0":               {rsa("e", "AA"), "k", keyset.SkipRSAExponent},
		"e 1":               {rsa("e", "AQ"), "k", keyset.SkipRSAExponent},
		"e 00 01":           {rsa("e", "AAE"), "k", keyset.SkipRSAExponent},
		"e 2":               {rsa("e", "Ag"), "k", keyset.SkipRSAExponent},
		"e 65536":           {rsa("e", "AQAA"), "k", keyset.SkipRSAExponent},
		"e 2^31+1":          {rsaJWK(rsaKey().N, big.NewInt(1<<31+1)), "k", keyset.SkipRSAExponent},
		"e 2^32+1":          {rsaJWK(rsaKey().N, big.NewInt(1<<32+1)), "k", keyset.SkipRSAExponent},
		"e 2^32+257":        {rsaJWK(rsaKey().N, big.NewInt(1<<32+257)), "k", keyset.SkipRSAExponent},
		"e 2^64+3":          {rsaJWK(rsaKey().N, new(big.Int).Add(new(big.Int).Lsh(one, 64), three)), "k", keyset.SkipRSAExponent},
		"e as long as n":    {rsaJWK(rsaKey().N, modulus(2048)), "k", keyset.SkipRSAExponent},

		"crv absent":         {ec("crv", nil), "k", keyset.SkipMalformed},
		"crv a number":       {ec("crv", 256), "k", keyset.SkipMalformed},
		"crv p-256":          {ec("crv", "p-256"), "k", keyset.SkipType},
		"crv secp256k1":      {ec("crv", "secp256k1"), "k", keyset.SkipType},
		"crv of OKP":         {ec("crv", "Ed25519"), "k", keyset.SkipType},
		"crv of another":     {ec("crv", "P-384"), "k", keyset.SkipMalformed},
		"x absent":           {ec("x", nil), "k", keyset.SkipMalformed},
		"y absent":           {ec("y", nil), "k", keyset.SkipMalformed},
		"x one byte longer":  {ec("x", coordinate(x, 33)), "k", keyset.SkipMalformed},
		"y one byte shorter": {ec("y", coordinate(one, 31)), "k", keyset.SkipMalformed},
		"off the curve":      {ec("y", coordinate(new(big.Int).Xor(y, one), 32)), "k", keyset.SkipPointInvalid},
		"x and y exchanged":  {ec("x", coordinate(y, 32), "y", coordinate(x, 32)), "k", keyset.SkipPointInvalid},
		"infinity":           {ec("x", coordinate(new(big.Int), 32), "y", coordinate(new(big.Int), 32)), "k", keyset.SkipPointInvalid},
		"x is the field":     {ec("x", coordinate(field, 32)), "k", keyset.SkipPointInvalid},

		"OKP crv absent":    {ed("crv", nil), "k", keyset.SkipMalformed},
		"OKP crv X25519":    {ed("crv", "X25519"), "k", keyset.SkipType},
		"OKP crv Ed448":     {ed("crv", "Ed448"), "k", keyset.SkipType},
		"OKP x absent":      {ed("x", nil), "k", keyset.SkipMalformed},
		"OKP x of 31":       {ed("x", encode(make([]byte, 31))), "k", keyset.SkipMalformed},
		"OKP x of 33":       {ed("x", encode(make([]byte, 33))), "k", keyset.SkipMalformed},
		"OKP off the curve": {ed("x", encode(append([]byte{2}, make([]byte, 31)...))), "k", keyset.SkipPointInvalid},

		"d null":  {rsa("d", json.RawMessage("null")), "k", keyset.SkipMalformed},
		"d empty": {ec("d", ""), "k", keyset.SkipMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := ReadKeys(documentOf(t, c.key, jwkOf(t, p384Key().Public(), "kid", "good")))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]keyset.Skipped{{Kid: c.kid, Reason: c.reason}}, d.Skipped); diff != "" {
				t.Error(diff)
			}
			if len(d.Keys) != 1 || d.Keys[0].Kid != "good" {
				t.Errorf("got %v", d.Keys)
			}
		})
	}
}

func TestKeyAtTheLimitsIsListed(t *testing.T) {
	one, e := big.NewInt(1), big.NewInt(65537)
	modulus := func(bits uint) *big.Int { return new(big.Int).Add(new(big.Int).Lsh(one, bits-1), one) }
	for name, key := range map[string]any{
		"n of 2048":        rsaJWK(modulus(2048), e),
		"n of 8192":        rsaJWK(modulus(8192), e),
		"e 3":              rsaJWK(modulus(2048), big.NewInt(3)),
		"e 2^31-1":         rsaJWK(modulus(2048), big.NewInt(1<<31-1)),
		"kid of 256":       jwkOf(t, edKey().Public(), "kid", strings.Repeat("k", 256)),
		"other names":      jwkOf(t, edKey().Public(), "D", "x", "p", "x", "oth", []int{1}, "Use", "enc", "ALG", "none"),
		"key_ops, several": jwkOf(t, edKey().Public(), "key_ops", []string{"sign", "verify"}),
	} {
		if d, err := ReadKeys(documentOf(t, key)); err != nil || len(d.Keys) != 1 {
			t.Errorf("%s: got %v, %v", name, d, err)
		}
	}
}

// with lays members over a JWK.
func with(key map[string]any, more ...any) map[string]any {
	m := maps.Clone(key)
	for i := 0; i < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

// skippedOf reads a document with one key, which must be skipped.
func skippedOf(t *testing.T, key any) keyset.Skipped {
	t.Helper()
	d, err := ReadKeys(documentOf(t, key))
	if err != nil || len(d.Keys) != 0 || len(d.Skipped) != 1 {
		t.Fatalf("got %v, %v", d, err)
	}
	return d.Skipped[0]
}

// A private part that belongs to the public one tells which key to revoke,
// whatever else is wrong with the key.
func TestPublishedPrivateKeyIsSkippedWithItsIdentity(t *testing.T) {
	rsaPrivate, ecPrivate, edPrivate := rsaKey(), p256Key(), edKey()
	rsa, ec, ed := jwkOf(t, rsaPrivate.Public()), jwkOf(t, ecPrivate.Public()), jwkOf(t, edPrivate.Public())
	for name, s := range map[string]struct {
		key    map[string]any
		member string
		value  []byte
	}{
		"RSA d":     {rsa, "d", rsaPrivate.D.Bytes()},
		"RSA p":     {rsa, "p", rsaPrivate.Primes[0].Bytes()},
		"RSA q":     {rsa, "q", rsaPrivate.Primes[1].Bytes()},
		"EC d":      {ec, "d", must(ecPrivate.Bytes())},
		"Ed25519 d": {ed, "d", edPrivate.Seed()},
	} {
		d, err := ReadKeys(documentOf(t, s.key))
		if err != nil || len(d.Keys) != 1 {
			t.Fatalf("%s: got %v, %v", name, d, err)
		}
		want := keyset.Skipped{Kid: "k", Reason: keyset.SkipPrivate, Thumbprint: d.Keys[0].Thumbprint, Modulus: d.Keys[0].Modulus}
		for _, more := range [][]any{nil, {"use", "enc"}, {"key_ops", []string{"sign"}}, {"alg", "none"}, {"exp", "x"}} {
			got := skippedOf(t, with(with(s.key, s.member, encode(s.value)), more...))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s with %v:\n%s", name, more, diff)
			}
		}
	}
}

// Anybody can write a private member beside a public key that is not his. The key
// is not used, and nothing tells to revoke the real one.
func TestInventedPrivatePartRevokesNothing(t *testing.T) {
	rsaPrivate, ecPrivate := rsaKey(), p256Key()
	rsa, ec, ed := jwkOf(t, rsaPrivate.Public()), jwkOf(t, ecPrivate.Public()), jwkOf(t, edKey().Public())
	other := must(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).Bytes())
	tests := []map[string]any{
		with(rsa, "oth", []any{map[string]any{"r": "AQ"}}),
		with(rsa, "d", encode(rsaPrivate.N.Bytes())), with(rsa, "p", encode(rsaPrivate.N.Bytes())),
		with(rsa, "d", "AQ"), with(rsa, "d", "AQ", "kid", ""), with(rsa, "d", "AQ", "n", "!"), with(rsa, "d", "AQ", "n", "AQ"),
		with(rsa, "d", "AQAB", "e", "AQABAQAB"),
		with(ec, "d", "not base64url!"), with(ec, "d", 12345), with(ec, "d", []any{}), with(ec, "d", encode(other)),
		with(ec, "d", encode(make([]byte, 32))), with(ec, "d", encode(make([]byte, 67))),
		with(ec, "d", encode(must(ecPrivate.Bytes())), "crv", "secp256k1"),
		with(ec, "d", encode(must(ecPrivate.Bytes())), "crv", "P-384"),
		with(ed, "d", encode(make([]byte, 32))), with(ed, "d", encode(make([]byte, 64))),
	}
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		tests = append(tests, with(rsa, member, "AQAB"))
	}
	for _, key := range tests {
		s := skippedOf(t, key)
		if s.Reason != keyset.SkipPrivate || s.Thumbprint+s.Modulus != "" {
			t.Errorf("%v: got %+v", key, s)
		}
	}
}

// Trying private exponents costs time, so a document has a few tries.
func TestProofsOfPrivateKeysAreBounded(t *testing.T) {
	key := with(jwkOf(t, rsaKey().Public()), "d", encode(rsaKey().D.Bytes()))
	keys := make([]any, maxProofs+1)
	for i := range keys {
		keys[i] = key
	}
	d, err := ReadKeys(documentOf(t, keys...))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range d.Skipped {
		if proven := s.Thumbprint != ""; proven != (i < maxProofs) {
			t.Errorf("key %d: %+v", i, s)
		}
	}
}

// RFC 7638, section 3.3: a thumbprint names the key, not its spelling.
func TestThumbprintDoesNotDependOnSpelling(t *testing.T) {
	plain := jwkOf(t, rsaKey().Public())
	n := rsaKey().N.Bytes()
	spellings := []any{
		plain,
		jwkOf(t, rsaKey().Public(), "kid", "1", "n", encode(append([]byte{0}, n...))),
		jwkOf(t, rsaKey().Public(), "kid", "2", "n", encode(append(make([]byte, 9), n...)), "e", "AAABAAE"),
		jwkOf(t, rsaKey().Public(), "kid", "3", "alg", "RS256", "use", "sig", "x5t", "x", "nbf", 1),
		json.RawMessage(`{"\u006b\u0069d":"4","n":"` + strings.ReplaceAll(encode(n), "A", `\u0041`) + `","kty":"\u0052SA","e":"AQAB"}`),
	}
	d, err := ReadKeys(documentOf(t, spellings...))
	if err != nil || len(d.Keys) != len(spellings) {
		t.Fatalf("got %v, %v", d, err)
	}
	for _, k := range d.Keys[1:] {
		if k.Thumbprint != d.Keys[0].Thumbprint || k.Modulus != d.Keys[0].Modulus || string(k.JWK) != string(d.Keys[0].JWK) {
			t.Errorf("%s: got %s, %s, %s", k.Kid, k.Thumbprint, k.Modulus, k.JWK)
		}
	}
	other, err := ReadKeys(documentOf(t, jwkOf(t, rsaKey().Public(), "e", "Aw")))
	if err != nil || len(other.Keys) != 1 {
		t.Fatalf("got %v, %v", other, err)
	}
	if k := other.Keys[0]; k.Thumbprint == d.Keys[0].Thumbprint || k.Modulus != d.Keys[0].Modulus {
		t.Errorf("another exponent: got %s, %s", k.Thumbprint, k.Modulus)
	}
}
