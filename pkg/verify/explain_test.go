package verify

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// samePointers compares by identity what a decision points to and go-cmp cannot
// look into.
var samePointers = cmp.Options{
	cmp.Comparer(func(a, b *Policy) bool { return a == b }),
	cmp.Comparer(func(a, b *Issuer) bool { return a == b }),
	cmp.Comparer(func(a, b *keyset.Key) bool { return a == b }),
}

// accepted are good tokens of several kinds.
func accepted() []refusal {
	return []refusal{
		{"good", OK, func(*scene) {}},
		{"in grace", OK, func(s *scene) { s.set = withdrawn() }},
		{"in grace, within skew of the withdrawal", OK, func(s *scene) { s.set = withdrawn(); s.claims["iat"] = noon.Add(-9 * time.Minute).Unix() }},
		{"expired within skew", OK, claim("exp", noon.Unix())},
		{"issued within skew", OK, claim("iat", noon.Add(time.Minute).Unix())},
		{"with headers", OK, func(s *scene) { s.policy.PayloadHeader = "x-payload" }},
		{"without typ", OK, noHeader("typ")},
		{"many audiences", OK, claim("aud", append(make([]string, 20), "api"))},
	}
}

// Explain decides as Decide does, and tells of each step once: those before the
// one that stops passed, the others were not reached.
func TestExplainDecidesTheSame(t *testing.T) {
	for _, tt := range append(refusals(), accepted()...) {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			tt.spoil(s)
			token := s.token()
			v, p := s.verifier(t)
			want := v.Decide(p, token, s.now)
			got, reports := v.Explain(p, token, s.now)
			if diff := cmp.Diff(want, got, samePointers); diff != "" {
				t.Error(diff)
			}
			if got.Reason != tt.want {
				t.Errorf("%s, want %s", got.Reason, tt.want)
			}
			if len(reports) != len(steps) {
				t.Fatalf("%d reports of %d steps", len(reports), len(steps))
			}
			outcome := Passed
			for i, r := range reports {
				if r.Number != steps[i].number || r.Name != steps[i].name {
					t.Errorf("report %d is about step %s", i, r.Number)
				}
				if outcome == Passed && r.Outcome == Stopped {
					outcome = Stopped
					if r.Note != got.Detail {
						t.Errorf("note %q, detail %q", r.Note, got.Detail)
					}
				} else if outcome == Stopped {
					outcome = NotReached
				}
				if r.Outcome != outcome || (r.Note == "") != (outcome == NotReached) {
					t.Errorf("step %s: %s, %q, want %s", r.Number, r.Outcome, r.Note, outcome)
				}
			}
			if stopped := outcome != Passed; stopped == got.OK() {
				t.Errorf("%s, but the last step %s", got.Reason, outcome)
			}
		})
	}
}

// Neither detail nor notes show the signature, with which the token could be used,
// and nothing of a token can move the terminal's cursor.
func TestExplainShowsNoSignature(t *testing.T) {
	hostile := []refusal{
		{"kid", KidUnknown, header("kid", "\x1b[2J\n\u202e"+strings.Repeat("k", 500))},
		{"alg", AlgNotAllowed, header("alg", "\x1b[2J\n\u202e")},
		{"typ", TypNotAllowed, header("typ", "\x1b[2J\n\u202e")},
		{"iss", IssuerUnknown, claim("iss", "\x1b[2J\n\u202e"+strings.Repeat("i", 500))},
		{"aud", AudienceMismatch, claim("aud", []string{"\x1b[2J\n\u202e", "\u0085"})},
		{"a header's name", TokenMalformed, text(replaced(0, encode([]byte(`{"\u001b[2J":1,"\u001b[2J":1}`))))},
		{"garbage", TokenMalformed, text(replaced(1, encode([]byte("{\x1b[2J"))))},
		{"a broken signature", TokenMalformed, text(func(s string) string { return s + "~" })},
		{"the signature first", TokenMalformed, text(func(s string) string { return part(s, 2) + "." + part(s, 0) + "." + part(s, 1) })},
	}
	for _, tt := range append(append(refusals(), accepted()...), hostile...) {
		s := goodScene()
		tt.spoil(s)
		text := s.text
		var secret string
		s.text = func(token string) string {
			secret = part(token, 2)
			if text != nil {
				token = text(token)
			}
			return token
		}
		token := s.token()
		v, p := s.verifier(t)
		d, reports := v.Explain(p, token, s.now)
		said := d.Detail
		for _, r := range reports {
			said += "\n" + r.Note
			if len(r.Note) > 1500 {
				t.Errorf("%s: a note of %d bytes", tt.name, len(r.Note))
			}
			if strings.ContainsFunc(r.Note, func(c rune) bool { return c < 0x20 || c > 0x7e }) {
				t.Errorf("%s: unprintable: %q", tt.name, r.Note)
			}
		}
		if d.Reason != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, d.Reason, tt.want)
		}
		for i := 0; i+12 <= len(secret); i++ {
			if strings.Contains(said, secret[i:i+12]) {
				t.Fatalf("%s: shows %q of the signature: %q", tt.name, secret[i:i+12], said)
			}
		}
		if i := strings.LastIndexByte(token, '.'); i >= 0 && len(token)-i > 12 && strings.Contains(said, token[i+1:]) {
			t.Errorf("%s: shows the third part: %q", tt.name, said)
		}
	}
}

// A token of the last minute of a key was issued after its withdrawal, by the
// guard's clock; the note must not say before.
func TestExplainTellsSkewInGrace(t *testing.T) {
	s := goodScene()
	s.set, s.claims["iat"] = withdrawn(), noon.Add(-9*time.Minute).Unix()
	v, p := s.verifier(t)
	_, reports := v.Explain(p, s.token(), s.now)
	want := "iat 2026-11-23T11:51:00Z is within clock_skew of the withdrawal at 2026-11-23T11:50:00Z"
	if got := reports[7].Note; got != want {
		t.Error(got)
	}
}

// A value is quoted once, as the token has it.
func TestDetailQuotes(t *testing.T) {
	for want, spoil := range map[string]func(*scene){
		`alg is "none", the issuer's algorithms are [RS256 ES256 EdDSA]`: header("alg", "none"),
		`alg is not a string`: header("alg", 1),
		`typ is "id+jwt", the issuer's types are [at+jwt JWT]`:                                                 header("typ", "ID+JWT"),
		`kid "\x1b" is not in the issuer's key set`:                                                            header("kid", "\x1b"),
		`aud is ["a" "b"], ours are [api other-api]`:                                                           claim("aud", []string{"a", "b"}),
		`iss is "` + strings.Repeat("i", maxQuoted) + `"... (500 bytes), which is not an issuer of the policy`: claim("iss", strings.Repeat("i", 500)),
	} {
		s := goodScene()
		spoil(s)
		if d := s.decide(t); d.Detail != want {
			t.Errorf("%s, want %s", d.Detail, want)
		}
	}
}

// What an operator reads of a good token.
func TestExplainNotes(t *testing.T) {
	s := goodScene()
	s.set = withdrawn()
	v, p := s.verifier(t)
	token := s.token()
	d, reports := v.Explain(p, token, s.now)
	var notes []string
	for _, r := range reports {
		notes = append(notes, r.Note)
	}
	want := []string{
		fmt.Sprintf("%d characters, a compact JWS with two JSON objects", len(token)),
		`"https://issuer.example.com" is the issuer corp`,
		`alg ES256, typ "at+jwt"`,
		`kid "ec" is the key with thumbprint ` + d.Key.Thumbprint,
		"grace (NIST SP 800-57: deactivated), withdrawn at 2026-11-23T11:50:00Z, accepted until 2026-11-23T12:50:00Z",
		"ES256 signature is valid",
		`exp 2026-11-23T12:30:00Z (in 30m0s), iat 2026-11-23T11:30:00Z, lifetime 1h0m0s, aud ["api"]`,
		"iat 2026-11-23T11:30:00Z is before the withdrawal at 2026-11-23T11:50:00Z",
		"no cnf; has the 1 scopes and 1 claims that the policy requires",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Error(diff)
	}
}
