package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// mixed are two issuers that use the same kid for different keys, and a policy
// for each and for both.
func mixed() (a, b *Issuer, policies []*Policy) {
	a, b = new(Issuer), new(Issuer)
	*a, *b = goodScene().issuer, goodScene().issuer
	b.Name, b.ID = "partner", "https://partner.example.com"
	a.Keys = holding(observed(-time.Minute, jwk("ec", p256Key(), "alg", "ES256")))
	b.Keys = holding(observed(-time.Minute, jwk("ec", otherKey(), "alg", "ES256")))
	return a, b, []*Policy{
		{Name: DefaultPolicy, Issuers: []*Issuer{a, b}},
		{Name: "ours", Issuers: []*Issuer{a}},
		{Name: "theirs", Issuers: []*Issuer{b}},
	}
}

// RFC 8725, section 3.8: whoever signs for one issuer cannot sign for another, be
// the kid the same or not.
func TestKeysNeverCrossIssuers(t *testing.T) {
	a, b, policies := mixed()
	v := must(New(policies, 0))
	for _, tt := range []struct {
		policy string
		says   *Issuer // iss
		signed *Issuer // whose key signed
		want   Reason
	}{
		{DefaultPolicy, a, a, OK},
		{DefaultPolicy, b, b, OK},
		{DefaultPolicy, a, b, SignatureInvalid},
		{DefaultPolicy, b, a, SignatureInvalid},
		{"ours", a, a, OK},
		{"ours", b, b, IssuerUnknown},
		{"ours", a, b, SignatureInvalid},
		{"ours", b, a, IssuerUnknown},
		{"theirs", b, b, OK},
		{"theirs", a, a, IssuerUnknown},
	} {
		s := goodScene()
		s.claims["iss"] = tt.says.ID
		if tt.signed == b {
			s.key = otherKey()
		}
		d := v.Decide(v.Policy(tt.policy), s.token(), s.now)
		if d.Reason != tt.want {
			t.Errorf("policy %s, iss of %s, key of %s: %s, want %s", tt.policy, tt.says.Name, tt.signed.Name, d.Reason, tt.want)
		}
		if known := tt.want != IssuerUnknown; known && (d.Issuer != tt.says || d.Key == nil) || !known && (d.Issuer != nil || d.Key != nil) {
			t.Errorf("policy %s, iss of %s: issuer %v, key %v", tt.policy, tt.says.Name, d.Issuer, d.Key)
		}
		if d.Key != nil {
			if want, _ := tt.says.Keys.Set().Lookup("ec"); d.Key != want.Key {
				t.Errorf("policy %s, iss of %s: the key is that of another issuer", tt.policy, tt.says.Name)
			}
		}
	}
}

// A key that only one issuer has is unknown under the other.
func TestKidOfAnotherIssuerIsUnknown(t *testing.T) {
	a, b, policies := mixed()
	a.Keys = holding(observed(-time.Minute, jwk("only-a", p256Key())))
	v := must(New(policies, 0))
	s := goodScene()
	s.claims["iss"], s.header["kid"] = b.ID, "only-a"
	if d := v.Decide(policies[0], s.token(), s.now); d.Reason != KidUnknown || d.Issuer != b {
		t.Errorf("%s (%s)", d.Reason, d.Detail)
	}
}

// What one issuer allows its tokens to be, another's cannot borrow.
func TestSettingsNeverCrossIssuers(t *testing.T) {
	a, b, policies := mixed()
	b.Algorithms, b.Types, b.Audiences, b.MaxLifetime, b.ClockSkew = []string{"RS256"}, []string{"jwt"}, []string{"b"}, 0, 0
	v := must(New(policies, 0))
	s := goodScene()
	if d := v.Decide(policies[0], s.token(), s.now); d.Reason != OK || d.Issuer != a {
		t.Errorf("%s (%s)", d.Reason, d.Detail)
	}
	s.claims["iss"], s.key = b.ID, otherKey()
	for _, step := range []struct {
		want Reason
		next func()
	}{
		{AlgNotAllowed, func() { b.Algorithms = []string{"ES256"} }},
		{TypNotAllowed, func() { s.header = s.header.without("typ") }},
		{AudienceMismatch, func() { s.claims["aud"] = "b" }},
		{OK, func() {}},
	} {
		if d := v.Decide(policies[0], s.token(), s.now); d.Reason != step.want {
			t.Errorf("%s (%s), want %s", d.Reason, d.Detail, step.want)
		}
		step.next()
	}
}

func TestAudiences(t *testing.T) {
	for _, tt := range []struct {
		name           string
		issuer, policy []string
		aud            any
		want           Reason
	}{
		{"a string", []string{"api"}, nil, "api", OK},
		{"ours among others", []string{"api"}, nil, []string{"x", "api", "y"}, OK},
		{"one of several of ours", []string{"api", "b"}, nil, "b", OK},
		{"begins like ours", []string{"api"}, nil, "api2", AudienceMismatch},
		{"ends in a slash", []string{"https://api"}, nil, "https://api/", AudienceMismatch},
		{"no scheme", []string{"https://api"}, nil, "api", AudienceMismatch},
		{"a comma makes no list", []string{"api"}, nil, "x,api", AudienceMismatch},
		{"a space makes no list", []string{"api"}, nil, "x api", AudienceMismatch},
		{"empty string", []string{"api"}, nil, "", AudienceMismatch},
		{"empty array", []string{"api"}, nil, []string{}, AudienceMismatch},
		{"a star in the token is no wildcard", []string{"api"}, nil, "*", AudienceMismatch},
		{"not only strings", []string{"api"}, nil, []any{"api", 1}, ClaimInvalid},
		{"null", []string{"api"}, nil, nil, ClaimInvalid},
		{"null in the array", []string{"api"}, nil, []any{"api", nil}, ClaimInvalid},
		{"array in the array", []string{"api"}, nil, []any{[]string{"api"}}, ClaimInvalid},
		{"object", []string{"api"}, nil, object{"api": true}, ClaimInvalid},
		{"boolean", []string{"*"}, nil, true, ClaimInvalid},

		{"narrowed, in it", []string{"api", "b"}, []string{"b"}, []string{"api", "b"}, OK},
		{"narrowed, out of it", []string{"api", "b"}, []string{"b"}, "api", AudienceMismatch},
		{"a policy cannot widen", []string{"api"}, []string{"api", "b"}, "b", AudienceMismatch},

		{"any", []string{"*"}, nil, "whatever", OK},
		{"any, but malformed", []string{"*"}, nil, 7, ClaimInvalid},
		{"any, narrowed, in it", []string{"*"}, []string{"b"}, "b", OK},
		{"any, narrowed, out of it", []string{"*"}, []string{"b"}, "api", AudienceMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			s.issuer.Audiences, s.policy.Audiences, s.claims["aud"] = tt.issuer, tt.policy, tt.aud
			s.expect(t, tt.want)
		})
	}
	s := goodScene()
	s.issuer.Audiences = []string{"*"}
	s.claims = s.claims.without("aud")
	s.expect(t, ClaimMissing) // any, but there must be one
}

// A narrower policy narrows nothing for the others that share the issuer.
func TestNarrowingStaysInItsPolicy(t *testing.T) {
	i := goodScene().issuer
	i.Keys = holding(goodScene().set)
	narrow := &Policy{Name: "narrow", Issuers: []*Issuer{&i}, Audiences: []string{"other-api"}}
	wide := &Policy{Name: DefaultPolicy, Issuers: []*Issuer{&i}}
	v := must(New([]*Policy{narrow, wide}, 0))
	token := goodScene().token()
	if d := v.Decide(wide, token, at(0)); !d.OK() {
		t.Errorf("%s (%s)", d.Reason, d.Detail)
	}
	if d := v.Decide(narrow, token, at(0)); d.Reason != AudienceMismatch {
		t.Errorf("%s (%s)", d.Reason, d.Detail)
	}
}

func TestTypes(t *testing.T) {
	for typ, want := range map[string]Reason{
		"at+jwt": OK, "AT+JWT": OK, "application/at+jwt": OK, "Application/At+Jwt": OK, "jwt": OK, "JWT": OK,
		"application/application/at+jwt": TypNotAllowed, "text/at+jwt": TypNotAllowed, "at+jwt ": TypNotAllowed, "/at+jwt": TypNotAllowed,
		"dpop+jwt": TypNotAllowed, "logout+jwt": TypNotAllowed, "secevent+jwt": TypNotAllowed, "application/LOGOUT+jwt": TypNotAllowed,
	} {
		s := goodScene()
		s.header["typ"] = typ
		s.expect(t, want)
	}
	s := goodScene()
	s.header = s.header.without("typ")
	s.expect(t, OK)

	// Even where the issuer's types say so.
	for _, typ := range []string{"dpop+jwt", "logout+jwt", "secevent+jwt"} {
		s := goodScene()
		s.issuer.Types, s.header["typ"] = []string{typ, "application/" + typ}, typ
		s.expect(t, TypNotAllowed)
	}
	s = goodScene()
	s.issuer.Types, s.header["typ"] = []string{"application/X+JWT"}, "x+jwt"
	s.expect(t, OK)
}

func TestNewRefuses(t *testing.T) {
	i := goodScene().issuer
	i.Keys = holding(goodScene().set)
	twin := i
	none, some, any := i, i, i
	none.Audiences, some.Audiences, any.Audiences = nil, []string{"api"}, []string{"*"}
	ok := func(name string, issuers ...*Issuer) *Policy { return &Policy{Name: name, Issuers: issuers} }
	for want, policies := range map[string][]*Policy{
		`"default" is missing`:                                  {ok("a", &i)},
		`"a" stands there twice`:                                {ok(DefaultPolicy, &i), ok("a", &i), ok("a", &i)},
		"default: issuers: none; name the issuers":              {ok(DefaultPolicy)},
		"default: issuers: https://issuer.example.com stands":   {ok(DefaultPolicy, &i, &twin)},
		"default: audiences: none of them is an audience of":    {ok(DefaultPolicy, &none)},
		"x: audiences: none of them is an audience of the issu": {ok(DefaultPolicy, &any), {Name: "x", Issuers: []*Issuer{&some}, Audiences: []string{"b"}}},
	} {
		if _, err := New(policies, 0); err == nil || !strings.HasPrefix(err.Error(), "policies: "+want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	v := must(New([]*Policy{ok(DefaultPolicy, &i), ok("b", &any)}, 0))
	if len(v.Policies()) != 2 || v.Policy("b") != v.Policies()[1] || v.Policy("c") != nil || v.Policy("") != nil {
		t.Errorf("%v", v.Policies())
	}
}

// One key under two names is one key; a name that was withdrawn alone behaves
// like a key in grace, and then like a retired one.
func TestAliases(t *testing.T) {
	both := []object{jwk("old", p256Key()), jwk("new", p256Key()), jwk("rsa", rsaKey())}
	set := observed(-12*time.Minute, both...)
	set = observe(set, -10*time.Minute, both[1:]...)
	set = observe(set, -time.Minute, both[1:]...)
	judge := func(kid string, iat, now time.Duration, want Reason) Decision {
		t.Helper()
		s := goodScene()
		s.set, s.now, s.header["kid"] = set, at(now), kid
		s.claims["iat"] = noon.Add(iat).Unix()
		s.claims["exp"] = noon.Add(now + time.Minute).Unix()
		s.issuer.MaxLifetime = 0
		d := s.expect(t, want)
		if d.Kid != kid {
			t.Errorf("named %q, not %q", d.Kid, kid)
		}
		return d
	}
	fresh := judge("new", -time.Minute, 0, OK)
	late := judge("old", -11*time.Minute, 0, OK)
	if fresh.Key != late.Key || fresh.State != keyset.Active || late.State != keyset.Grace || late.Refresh != AskRefresh {
		t.Errorf("%v, %v", fresh.State, late.State)
	}
	judge("old", -8*time.Minute, 0, IssuedAfterWithdrawal)
	set = observe(set, 49*time.Minute, both[1:]...)
	if d := judge("old", -11*time.Minute, 50*time.Minute, KeyRetired); d.Signature != keyset.Valid {
		t.Errorf("signature %s", d.Signature)
	}
	judge("new", 49*time.Minute, 50*time.Minute, OK)

	set = ordered(set, 50*time.Minute, keyset.Order{Action: keyset.Retire, Kid: "old"})
	judge("new", 49*time.Minute, 50*time.Minute, KeyRetired) // retiring one name retires the key
}

// A key that is out of service and listed under a name it never had is known, and
// refused, by that name too.
func TestRetiredKeyUnderAnotherName(t *testing.T) {
	set := ordered(goodScene().set, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"})
	set = observe(set, time.Minute, jwk("renamed", p256Key()), jwk("rsa", rsaKey()))
	s := goodScene()
	s.set, s.now, s.header["kid"] = set, at(time.Minute), "renamed"
	if d := s.expect(t, KeyRetired); d.Kid != "renamed" || d.Signature != keyset.Valid {
		t.Errorf("%+v", d)
	}
}

// Names and values are compared as decoded and byte by byte: escapes hide
// nothing, capitals and look-alikes are other names.
func TestNamesAreExact(t *testing.T) {
	escaped := goodScene()
	header := `{"\u0061lg":"ES25\u0036","k\u0069d":"\u0065c"}`
	payload := strings.Replace(escaped.claims.text(), `"iss"`, `"\u0069ss"`, 1)
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	escaped.text = func(string) string { return input + "." + encode(signature("ES256", p256Key(), input)) }
	escaped.expect(t, OK)

	for _, name := range []string{"exp", "iss", "aud"} {
		s := goodScene()
		s.claims[strings.ToUpper(name)] = s.claims[name]
		s.claims = s.claims.without(name)
		s.expect(t, ClaimMissing)
	}
	s := goodScene()
	s.claims["Exp"], s.claims["EXP"] = 0, "no" // names like any others
	s.expect(t, OK)
}
