package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// In shadow mode nothing is refused, and everything is said as it would have been.
func TestShadowMode(t *testing.T) {
	for _, tt := range refusals() {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			tt.spoil(s)
			enforced := s.decide(t)
			s.policy.Shadow = true
			d := s.decide(t)
			if d.Reason != tt.want || d.Verdict != ShadowDeny || d.OK() || d.Headers != nil {
				t.Errorf("%+v", d)
			}
			enforced.Verdict = ShadowDeny
			d.Policy, d.Issuer, d.Key = enforced.Policy, enforced.Issuer, enforced.Key
			if diff := cmp.Diff(enforced, d, samePointers); diff != "" {
				t.Error(diff)
			}
		})
	}
	s := goodScene()
	s.policy.Shadow = true
	if d := s.expect(t, OK); d.Verdict != Allow {
		t.Errorf("a good token gets %s", d.Verdict)
	}
}

// AllowMissing is for no credential at all: whatever was sent is judged
// (CVE-2021-21378).
func TestAllowMissingJudgesWhatIsThere(t *testing.T) {
	for _, tt := range refusals() {
		s := goodScene()
		tt.spoil(s)
		s.policy.AllowMissing = true
		if d := s.expect(t, tt.want); d.Verdict != Deny {
			t.Errorf("%s: %s", tt.name, d.Verdict)
		}
	}
}

func TestRefuse(t *testing.T) {
	enforcing, shadow := &Policy{Name: "e"}, &Policy{Name: "s", Shadow: true}
	lenient := &Policy{Name: "l", AllowMissing: true}
	both := &Policy{Name: "b", AllowMissing: true, Shadow: true}
	for _, tt := range []struct {
		policy *Policy
		give   Reason
		want   Decision
	}{
		{nil, PolicyUnknown, Decision{Verdict: Deny, Reason: PolicyUnknown, Detail: "why"}},
		{nil, InternalError, Decision{Verdict: Deny, Reason: InternalError, Detail: "why"}},
		{nil, Overloaded, Decision{Verdict: Deny, Reason: Overloaded, Detail: "why"}},
		{nil, TokenMissing, Decision{Verdict: Deny, Reason: TokenMissing, Detail: "why"}},
		{enforcing, TokenMissing, Decision{Verdict: Deny, Reason: TokenMissing, Policy: enforcing, Detail: "why"}},
		{enforcing, MultipleCredentials, Decision{Verdict: Deny, Reason: MultipleCredentials, Policy: enforcing, Detail: "why"}},
		{enforcing, Overloaded, Decision{Verdict: Deny, Reason: Overloaded, Policy: enforcing, Detail: "why"}},
		{enforcing, InternalError, Decision{Verdict: Deny, Reason: InternalError, Policy: enforcing, Detail: "why"}},
		{lenient, TokenMissing, Decision{Verdict: Allow, Reason: MissingAllowed, Policy: lenient}},
		{lenient, MultipleCredentials, Decision{Verdict: Deny, Reason: MultipleCredentials, Policy: lenient, Detail: "why"}},
		{lenient, InternalError, Decision{Verdict: Deny, Reason: InternalError, Policy: lenient, Detail: "why"}},
		{shadow, TokenMissing, Decision{Verdict: ShadowDeny, Reason: TokenMissing, Policy: shadow, Detail: "why"}},
		{shadow, Overloaded, Decision{Verdict: ShadowDeny, Reason: Overloaded, Policy: shadow, Detail: "why"}},
		{shadow, InternalError, Decision{Verdict: ShadowDeny, Reason: InternalError, Policy: shadow, Detail: "why"}},
		{both, TokenMissing, Decision{Verdict: Allow, Reason: MissingAllowed, Policy: both}},
		{both, MultipleCredentials, Decision{Verdict: ShadowDeny, Reason: MultipleCredentials, Policy: both, Detail: "why"}},
	} {
		d := Refuse(tt.policy, tt.give, "why")
		if diff := cmp.Diff(tt.want, d, samePointers); diff != "" {
			t.Errorf("%v, %s: %s", tt.policy, tt.give, diff)
		}
		if d.OK() {
			t.Errorf("%s is called an accepted token", d.Reason)
		}
	}
}

// Whatever the reason, only two of them let a request pass an enforcing policy.
func TestOnlyTwoReasonsAllow(t *testing.T) {
	for _, r := range append(Reasons(), "", "new_reason") {
		d := Decision{Policy: &Policy{}}
		d.conclude(r)
		if want := r == OK || r == MissingAllowed; (d.Verdict == Allow) != want || !want && d.Verdict != Deny {
			t.Errorf("%q gives %s", r, d.Verdict)
		}
	}
}

func TestZeroDecisionDenies(t *testing.T) {
	var d Decision
	if d.Verdict == Allow || d.Verdict == ShadowDeny || d.Verdict.String() != "deny" || d.OK() {
		t.Errorf("%+v", d)
	}
}

func TestWords(t *testing.T) {
	got := []string{
		Allow.String(), Deny.String(), ShadowDeny.String(), Verdict(0).String(), Verdict(9).String(),
		keyset.Unchecked.String(), keyset.Invalid.String(), keyset.Valid.String(), keyset.Signature(9).String(),
	}
	want := []string{"allow", "deny", "shadow_deny", "deny", "deny", "unchecked", "invalid", "valid", "unchecked"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestScopes(t *testing.T) {
	for _, tt := range []struct {
		name       string
		scope, scp any // nil: absent
		need       []string
		want       Reason
	}{
		{"string", "read write", nil, []string{"write", "read"}, OK},
		{"array", []string{"read", "write"}, nil, []string{"write", "read"}, OK},
		{"scp string", nil, "read", []string{"read"}, OK},
		{"scp array", nil, []string{"read"}, []string{"read"}, OK},
		{"one of two", "read", nil, []string{"read", "write"}, ScopeInsufficient},
		{"scope counts, not scp", "write", "read", []string{"read"}, ScopeInsufficient},
		{"a scope that cannot be read is not replaced by scp", 7, "read", []string{"read"}, ScopeInsufficient},
		{"scope null is there", raw("null"), "read", []string{"read"}, ScopeInsufficient},
		{"in capitals", "READ", nil, []string{"read"}, ScopeInsufficient},
		{"tab is no space", "read\twrite", nil, []string{"read"}, ScopeInsufficient},
		{"comma is no space", "read,write", nil, []string{"read"}, ScopeInsufficient},
		{"array elements are not split", []string{"read write"}, nil, []string{"read"}, ScopeInsufficient},
		{"mixed array", []any{"read", 1}, nil, []string{"read"}, ScopeInsufficient},
		{"several spaces", " read  write ", nil, []string{"read", "write"}, OK},
		{"none needed", nil, nil, nil, OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			s.claims = s.claims.without("scope")
			if tt.scope != nil {
				s.claims["scope"] = tt.scope
			}
			if tt.scp != nil {
				s.claims["scp"] = tt.scp
			}
			s.policy.RequiredScopes = tt.need
			s.expect(t, tt.want)
		})
	}
}

func TestRequiredClaims(t *testing.T) {
	for _, tt := range []struct {
		name string
		have any
		want Reason
	}{
		{"equal", "acme", OK},
		{"held", []string{"x", "acme"}, OK},
		{"begins so", "acme2", ClaimMismatch},
		{"in capitals", "ACME", ClaimMismatch},
		{"in a list that is a string", "x,acme", ClaimMismatch},
		{"held beside a number", []any{"acme", 1}, ClaimMismatch},
		{"nested", []any{[]string{"acme"}}, ClaimMismatch},
		{"in an object", object{"acme": true}, ClaimMismatch},
		{"null", nil, ClaimMismatch},
		{"empty array", []string{}, ClaimMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			s.claims["tenant"] = tt.have
			s.expect(t, tt.want)
		})
	}
	// Claims that are no strings equal no string, nor does an absent claim equal
	// the empty one.
	for need, have := range map[string]any{"true": true, "1": 1, "null": nil, "": object{}} {
		s := goodScene()
		s.policy.RequiredClaims = map[string]string{"verified": need}
		s.claims["verified"] = have
		s.expect(t, ClaimMismatch)
	}
	s := goodScene()
	s.policy.RequiredClaims = map[string]string{"tenant": "acme", "absent": ""}
	s.expect(t, ClaimMismatch)
	s.policy.RequiredClaims = map[string]string{"tenant": "acme", "sub": "alice"}
	s.expect(t, OK)
}

// A refusal cannot allow, whatever a caller asks for.
func TestRefuseNeverAccepts(t *testing.T) {
	if d := Refuse(&Policy{Name: "default"}, OK, ""); d.Verdict != Deny || d.Reason != InternalError {
		t.Errorf("%s, %s", d.Verdict, d.Reason)
	}
}
