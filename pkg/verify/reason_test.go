package verify

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// refusal is a scene that differs from the good one in one thing.
type refusal struct {
	name  string
	want  Reason
	spoil func(*scene)
}

func header(name string, v any) func(*scene) { return func(s *scene) { s.header[name] = v } }
func claim(name string, v any) func(*scene)  { return func(s *scene) { s.claims[name] = v } }
func text(f func(string) string) func(*scene) {
	return func(s *scene) { s.text = f }
}
func keys(set *keyset.Set) func(*scene) { return func(s *scene) { s.set = set } }

func noHeader(name string) func(*scene) { return func(s *scene) { s.header = s.header.without(name) } }
func noClaim(name string) func(*scene)  { return func(s *scene) { s.claims = s.claims.without(name) } }

func refusals() []refusal {
	good := goodScene()
	encodedGood := encode([]byte(good.claims.text()))
	listed := good.set
	pending := object{}
	for k, v := range published()[0] {
		pending[k] = v
	}
	pending["nbf"] = noon.Add(time.Second).Unix()

	return []refusal{
		{"8193 characters", TokenTooLarge, text(func(s string) string { return s + strings.Repeat("A", 8193-len(s)) })},
		{"header part of 2049 characters", TokenTooLarge, header("x", strings.Repeat("x", 2000))},

		{"empty", TokenMalformed, text(func(string) string { return "" })},
		{"two parts", TokenMalformed, text(func(s string) string { return s[:strings.LastIndexByte(s, '.')] })},
		{"four parts", TokenMalformed, text(func(s string) string { return s + "." })},
		{"five parts as in JWE", TokenMalformed, text(func(s string) string { return s + ".AAAA.AAAA" })},
		{"padding", TokenMalformed, text(func(s string) string { return s + "==" })},
		{"space after it", TokenMalformed, text(func(s string) string { return s + " " })},
		{"newline in the signature", TokenMalformed, text(func(s string) string { return s + "\n" })},
		{"carriage return in the header", TokenMalformed, text(func(s string) string { return s[:4] + "\r" + s[4:] })},
		{"the alphabet of plain base64", TokenMalformed, text(func(s string) string { return replaced(2, "+/"+strings.Repeat("A", 84))(s) })},
		{"bits that decode to nothing", TokenMalformed, text(func(s string) string { return replaced(2, strings.Repeat("A", 85)+"B")(s) })},
		{"not ASCII", TokenMalformed, text(func(s string) string { return s + "é" })},
		{"NUL", TokenMalformed, text(func(s string) string { return s + "\x00" })},
		{"JSON serialization", TokenMalformed, text(func(s string) string {
			return `{"protected":"` + part(s, 0) + `","payload":"` + part(s, 1) + `","signature":"` + part(s, 2) + `"}`
		})},
		{"header is an array", TokenMalformed, text(replaced(0, encode([]byte(`["ES256"]`))))},
		{"header twice alg", TokenMalformed, text(replaced(0, encode([]byte(`{"alg":"none","kid":"ec","alg":"ES256"}`))))},
		{"header twice kid, once escaped", TokenMalformed, text(replaced(0, encode([]byte(`{"alg":"ES256","kid":"no","\u006bid":"ec"}`))))},
		{"payload is empty", TokenMalformed, text(replaced(1, ""))},
		{"payload is not JSON", TokenMalformed, text(replaced(1, encode([]byte("{exp:1}"))))},
		{"payload with more after it", TokenMalformed, text(replaced(1, encode([]byte(good.claims.text()+"{}"))))},
		{"payload is not UTF-8", TokenMalformed, text(replaced(1, encode([]byte("{\"iss\":\"\xff\"}"))))},
		{"payload twice iss", TokenMalformed, text(replaced(1, encode([]byte(`{"iss":"a","iss":"b"}`))))},
		{"payload 33 deep", TokenMalformed, claim("deep", raw(strings.Repeat("[", 32)+strings.Repeat("]", 32)))},

		{"crit", HeaderForbidden, header("crit", []string{"exp"})},
		{"crit empty", HeaderForbidden, header("crit", []string{})},
		{"b64", HeaderForbidden, header("b64", false)},
		{"jwk", HeaderForbidden, header("jwk", jwk("ec", p256Key()))},
		{"jku", HeaderForbidden, header("jku", "https://issuer.example.com/jwks")},
		{"x5u", HeaderForbidden, header("x5u", "https://issuer.example.com/cert")},
		{"x5c", HeaderForbidden, header("x5c", []string{"MIIB"})},
		{"zip", HeaderForbidden, header("zip", "DEF")},
		{"enc null", HeaderForbidden, header("enc", nil)},

		{"iss missing", ClaimMissing, noClaim("iss")},
		{"iss number", ClaimInvalid, claim("iss", 1)},
		{"iss null", ClaimInvalid, claim("iss", nil)},
		{"iss array of ours", ClaimInvalid, claim("iss", []string{good.issuer.ID})},
		{"iss unknown", IssuerUnknown, claim("iss", "https://evil.example.com")},
		{"iss empty", IssuerUnknown, claim("iss", "")},
		{"iss with a slash", IssuerUnknown, claim("iss", good.issuer.ID+"/")},
		{"iss in capitals", IssuerUnknown, claim("iss", strings.ToUpper(good.issuer.ID))},

		{"alg missing", AlgNotAllowed, noHeader("alg")},
		{"alg none", AlgNotAllowed, func(s *scene) { s.header["alg"] = "none"; s.text = replaced(2, "") }},
		{"alg nOnE", AlgNotAllowed, header("alg", "nOnE")},
		{"alg empty", AlgNotAllowed, header("alg", "")},
		{"alg null", AlgNotAllowed, header("alg", nil)},
		{"alg array", AlgNotAllowed, header("alg", []string{"ES256"})},
		{"alg in lower case", AlgNotAllowed, header("alg", "es256")},
		{"alg with space", AlgNotAllowed, header("alg", "ES256 ")},
		{"alg HS256", AlgNotAllowed, header("alg", "HS256")},
		{"alg that we know and the issuer does not use", AlgNotAllowed, header("alg", "PS256")},
		{"ALG in place of alg", AlgNotAllowed, func(s *scene) { s.header = s.header.without("alg"); s.header["ALG"] = "ES256" }},
		{"typ unknown", TypNotAllowed, header("typ", "id+jwt")},
		{"typ of a DPoP proof", TypNotAllowed, header("typ", "application/DPoP+JWT")},
		{"typ empty", TypNotAllowed, header("typ", "")},
		{"typ null", TypNotAllowed, header("typ", nil)},
		{"typ array", TypNotAllowed, header("typ", []string{"at+jwt"})},

		{"kid missing", KidMissing, noHeader("kid")},
		{"kid empty", KidMissing, header("kid", "")},
		{"kid number", KidMissing, header("kid", 1)},
		{"kid null", KidMissing, header("kid", nil)},
		{"kid unknown", KidUnknown, header("kid", "other")},
		{"kid in capitals", KidUnknown, header("kid", "EC")},
		{"kid of a path", KidUnknown, header("kid", "../../../dev/null")},
		{"kid that ends a line", KidUnknown, header("kid", "ec\r\n")},
		{"kid with NUL", KidUnknown, header("kid", "ec\x00")},
		{"kid of SQL", KidUnknown, header("kid", "x' UNION SELECT 'key")},
		{"kid of 1400 bytes", KidUnknown, header("kid", strings.Repeat("k", 1400))},
		{"keys never fetched", KeysUnavailable, keys(keyset.New(params))},
		{"keys never fetched, fetches fail", KeysUnavailable, keys(keyset.New(params).WithFailure())},
		{"kid unknown, and the last fetch failed", KeysUnavailable, func(s *scene) { s.header["kid"] = "other"; s.set = listed.WithFailure() }},
		{"keys one second too old", KeysStale, keys(observed(-time.Hour-time.Second, published()...))},
		{"keys too old on the wall clock alone", KeysStale, func(s *scene) { s.now.Wall = noon.Add(time.Hour) }},
		{"keys too old on the lifecycle clock alone", KeysStale, func(s *scene) { s.now.Life = noon.Add(time.Hour) }},

		{"key not before the next second", KeyPending, keys(observed(-time.Minute, pending, published()[1]))},
		{"key ordered out of service", KeyRetired, keys(ordered(listed, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"}))},
		{"key expired", KeyRetired, keys(observed(-time.Minute, jwk("ec", p256Key(), "exp", noon.Unix()), published()[1]))},
		{"key's grace is over", KeyRetired, func(s *scene) {
			s.set = observe(withdrawn(), 49*time.Minute, published()[1:]...)
			s.now, s.claims["exp"] = at(50*time.Minute), noon.Add(51*time.Minute).Unix()
			s.issuer.MaxLifetime = 0
		}},
		{"key revoked", KeyRevoked, keys(ordered(listed, 0, keyset.Order{Action: keyset.Revoke, Kid: "ec"}))},
		{"private key published", KeyRevoked, keys(observe(listed, 0, jwk("ec", p256Key(), "d", encode(must(p256Key().Bytes()))), published()[1]))},

		{"alg of the issuer, but not the key's", AlgMismatch, func(s *scene) { s.header["alg"], s.alg, s.key = "RS256", "RS256", rsaKey() }},
		{"kid of a key of another type", AlgMismatch, header("kid", "rsa")},
		{"one bit of the signature", SignatureInvalid, text(forged)},
		{"signature of another key", SignatureInvalid, func(s *scene) { s.key = otherKey() }},
		{"signature stripped", SignatureInvalid, text(replaced(2, ""))},
		{"signature of r=s=0", SignatureInvalid, text(replaced(2, encode(make([]byte, 64))))},
		{"signature one byte short", SignatureInvalid, text(replaced(2, encode(make([]byte, 63))))},
		{"another payload under the signature", SignatureInvalid, func(s *scene) {
			s.claims["sub"] = "mallory"
			s.text = replaced(1, encodedGood)
		}},

		{"exp missing", ClaimMissing, noClaim("exp")},
		{"exp string", ClaimInvalid, claim("exp", "1798761600")},
		{"nbf float", ClaimInvalid, claim("nbf", raw("1.5"))},
		{"iat missing under max_lifetime", ClaimMissing, noClaim("iat")},
		{"iat negative", ClaimInvalid, claim("iat", -1)},
		{"aud missing", ClaimMissing, noClaim("aud")},
		{"aud number", ClaimInvalid, claim("aud", 1)},
		{"exp long ago", TokenExpired, func(s *scene) { s.claims["exp"], s.issuer.MaxLifetime = noon.Add(-time.Minute).Unix(), 0 }},
		{"exp 0, which is not never", TokenExpired, claim("exp", 0)},
		{"nbf ahead", TokenNotYetValid, claim("nbf", noon.Add(61*time.Second).Unix())},
		{"iat ahead", IssuedInFuture, claim("iat", noon.Add(61*time.Second).Unix())},
		{"one second over max_lifetime", LifetimeTooLong, claim("exp", noon.Add(30*time.Minute+time.Second).Unix())},
		{"aud of somebody else", AudienceMismatch, claim("aud", "else")},
		{"aud in capitals", AudienceMismatch, claim("aud", "API")},
		{"aud empty", AudienceMismatch, claim("aud", []string{})},

		{"issued after the withdrawal", IssuedAfterWithdrawal, func(s *scene) {
			s.set, s.claims["iat"] = withdrawn(), noon.Add(-8*time.Minute).Unix()
		}},
		{"cnf", PopRequired, claim("cnf", object{"jkt": "x"})},
		{"cnf null", PopRequired, claim("cnf", nil)},
		{"scope missing", ScopeInsufficient, noClaim("scope")},
		{"scope that begins like ours", ScopeInsufficient, claim("scope", "reader")},
		{"claim missing", ClaimMismatch, noClaim("tenant")},
		{"claim different", ClaimMismatch, claim("tenant", "acme2")},
	}
}

func TestGoodTokenIsAccepted(t *testing.T) {
	d := goodScene().expect(t, OK)
	s := goodScene()
	if d.Policy.Name != DefaultPolicy || d.Issuer.Name != "corp" || d.Kid != "ec" || d.Alg != "ES256" || d.State != keyset.Active || d.At != s.now {
		t.Errorf("%+v", d)
	}
	if d.Key == nil || d.Key.Kid() != "ec" || d.Signature != keyset.Unchecked || d.Refresh != NoRefresh || d.Detail != "" {
		t.Errorf("%+v", d)
	}
	if !d.Expires.Equal(noon.Add(30*time.Minute)) || !d.Issued.Equal(noon.Add(-30*time.Minute)) {
		t.Errorf("expires %v, issued %v", d.Expires, d.Issued)
	}
}

// One thing is wrong, and it is that which the reason names.
func TestEachReason(t *testing.T) {
	for _, tt := range refusals() {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			tt.spoil(s)
			d := s.expect(t, tt.want)
			if d.Verdict != Deny || d.Headers != nil || !d.Expires.IsZero() || !d.Issued.IsZero() || d.Detail == "" {
				t.Errorf("%+v", d)
			}
			if named := d.Key != nil; named != (d.Kid != "") || named != (d.Alg != "") || named != (d.State != 0) || named && d.Issuer == nil {
				t.Errorf("the key is half there: %+v", d)
			}
			late := d.Reason == KeyRetired || d.Reason == KeyRevoked
			if late && d.Signature != keyset.Valid || !late && d.Signature != keyset.Unchecked {
				t.Errorf("%s with signature %s", d.Reason, d.Signature)
			}
		})
	}
}

// What is refused before a token is judged, or not at all, is not ours to find.
func TestEachReasonIsCovered(t *testing.T) {
	covered := map[Reason]bool{
		OK: true, MissingAllowed: true, PolicyUnknown: true, TokenMissing: true, MultipleCredentials: true,
		Overloaded: true, InternalError: true,
	}
	for _, tt := range refusals() {
		covered[tt.want] = true
	}
	for _, r := range Reasons() {
		if !covered[r] {
			t.Errorf("no token is refused for %s", r)
		}
		delete(covered, r)
	}
	for r := range covered {
		t.Errorf("Reasons lacks %s", r)
	}
	if all := Reasons(); len(slices.Compact(slices.Sorted(slices.Values(all)))) != len(all) {
		t.Error("Reasons lists one twice")
	}
}

// Evidence and metrics keep kid and alg; the token must not be kept with them.
func TestDecisionHoldsNoTokenText(t *testing.T) {
	s := goodScene()
	v, p := s.verifier(t)
	d := v.Decide(p, s.token(), s.now)
	ref, _ := p.Issuers[0].Keys.Set().Lookup("ec")
	if unsafe.StringData(d.Kid) != unsafe.StringData(ref.Name) || unsafe.StringData(d.Alg) != unsafe.StringData(p.Issuers[0].Algorithms[1]) {
		t.Error("kid or alg are the token's own")
	}
}
