package authz

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// identities are two policies with identity headers of their own.
func identities() (payments, public *verify.Policy) {
	payments, public = bearer("default"), bearer("public")
	payments.ClaimHeaders = []verify.ClaimHeader{{Claim: "alice", Header: "x-sub"}, {Claim: "acme", Header: "x-tenant"}}
	payments.PayloadHeader = "x-jwt"
	public.AllowMissing = true
	public.ClaimHeaders = []verify.ClaimHeader{{Claim: "alice", Header: "x-sub"}, {Claim: "bob@example.com", Header: "x-user-mail"}}
	return payments, public
}

func TestForgedIdentityHeadersNeverArrive(t *testing.T) {
	payments, public := identities()
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{payments, public}}})
	foreign := []string{"x-user-mail", "x-user_mail", "x_user-mail", "x_user_mail"}
	others := append([]string{"x_jwt", "x_sub", "x_tenant"}, foreign...)

	got := askServer(t, s, raw("/", "authorization: Bearer "+good, "x-sub: eve", "x_sub: eve", "X-User_Mail: eve"))
	if diff := cmp.Diff(map[string]string{"x-sub": "alice", "x-tenant": "acme", "x-jwt": "e30"}, got.headers); diff != "" {
		t.Errorf("a good token sets its headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(sorted(others...), got.removed); diff != "" {
		t.Errorf("and removes the others (-want +got):\n%s", diff)
	}

	got = askServer(t, s, route(raw("/", "x-sub: eve"), map[string]string{"jwtguard.policy": "public"}))
	if got.reason() != "missing_allowed" || len(got.headers) != 0 {
		t.Errorf("without a token: %+v", got)
	}
	if diff := cmp.Diff(sorted(append(others, "x-jwt", "x-sub", "x-tenant")...), got.removed); diff != "" {
		t.Errorf("without a token all are removed (-want +got):\n%s", diff)
	}

}

// TestAnswersDoNotShareWhatTheyRemove: the lists begin alike, and that part is
// shared.
func TestAnswersDoNotShareWhatTheyRemove(t *testing.T) {
	payments, public := identities()
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{payments, public}, decide: func(p *verify.Policy, token string, _ verify.Instant) verify.Decision {
		d := accepted(p)
		d.Headers = slices.DeleteFunc(d.Headers, func(h verify.HeaderValue) bool { return h.Name == token })
		return d
	}}})
	var answers []*authv3.CheckResponse
	for _, absent := range []string{"x-sub", "x-tenant", "x-jwt"} {
		resp, _ := s.Listener("").Check(t.Context(), raw("/", "authorization: Bearer "+absent))
		answers = append(answers, resp)
	}
	for i, absent := range []string{"x-sub", "x-tenant", "x-jwt"} {
		if got := read(t, answers[i]); !slices.Contains(got.removed, absent) {
			t.Errorf("%s is neither set nor removed: %v", absent, got.removed)
		}
	}
}

func sorted(names ...string) []string {
	return slices.Sorted(slices.Values(names))
}

func TestClaimHeadersThatCannotBeSetAreRemoved(t *testing.T) {
	for name, tc := range map[string]struct {
		headers []verify.HeaderValue
		want    map[string]string
		removed []string
	}{
		"claim absent":       {nil, map[string]string{}, []string{"x-sub", "x_sub"}},
		"empty claim":        {[]verify.HeaderValue{{Name: "x-sub"}}, map[string]string{"x-sub": ""}, []string{"x_sub"}},
		"line break":         {[]verify.HeaderValue{{Name: "x-sub", Value: "a\r\nx-admin: 1"}}, map[string]string{}, []string{"x-sub", "x_sub"}},
		"not ASCII":          {[]verify.HeaderValue{{Name: "x-sub", Value: "é"}}, map[string]string{}, []string{"x-sub", "x_sub"}},
		"not UTF-8":          {[]verify.HeaderValue{{Name: "x-sub", Value: "\xff"}}, map[string]string{}, []string{"x-sub", "x_sub"}},
		"header of no claim": {[]verify.HeaderValue{{Name: ":authority", Value: "evil"}, {Name: "x-sub", Value: "a"}}, map[string]string{"x-sub": "a"}, []string{"x_sub"}},
		"twice":              {[]verify.HeaderValue{{Name: "x-sub", Value: "a"}, {Name: "x-sub", Value: "b"}}, map[string]string{"x-sub": "a"}, []string{"x_sub"}},
	} {
		p := bearer("")
		p.ClaimHeaders = []verify.ClaimHeader{{Claim: "sub", Header: "x-sub"}}
		got := askServer(t, decided(t, p, verify.Decision{Verdict: verify.Allow, Reason: verify.OK, Headers: tc.headers}), raw("/", "authorization: Bearer x"))
		if diff := cmp.Diff(answer{headers: tc.want, removed: tc.removed}, answer{headers: got.headers, removed: got.removed}, cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPoliciesThatCannotBeServed(t *testing.T) {
	header := func(names ...string) *verify.Policy {
		p := bearer("p")
		for _, n := range names {
			p.ClaimHeaders = append(p.ClaimHeaders, verify.ClaimHeader{Claim: "c", Header: n})
		}
		return p
	}
	var many []string
	for i := range 17 {
		many = append(many, fmt.Sprintf("x-a-b-c-d-e-%d", i))
	}
	token, payload := bearer("p"), bearer("p")
	token.Token.Header = "X-Token"
	payload.PayloadHeader = ":path"
	for _, tc := range []struct {
		policies []*verify.Policy
		want     string
	}{
		{[]*verify.Policy{nil}, "policies[0]: is nil"},
		{[]*verify.Policy{bearer("")}, "policies[0]: has no name"},
		{[]*verify.Policy{bearer("a"), bearer("a")}, `policy "a": there are two of this name`},
		{[]*verify.Policy{token}, `policy "p": token.header: "X-Token" is not a header name in lower case`},
		{[]*verify.Policy{payload}, `policy "p": payload_header: ":path" is not a header name in lower case without underscores`},
		{[]*verify.Policy{header("x-a", "x_b")}, `policy "p": claim_headers[1].header: "x_b" is not a header name in lower case without underscores`},
		{[]*verify.Policy{header("")}, `policy "p": claim_headers[0].header: "" is not a header name in lower case without underscores`},
		{[]*verify.Policy{header("x-\xff")}, `policy "p": claim_headers[0].header: "x-\xff" is not a header name in lower case without underscores`},
		{[]*verify.Policy{header("x-a", "x-a")}, `policy "p": claim_headers[1].header: "x-a" is set twice`},
		{[]*verify.Policy{header("a-b-c-d-e-f-g-h")}, `policy "p": claim_headers[0].header: "a-b-c-d-e-f-g-h" has 7 dashes; at most 6, since every spelling with underscores has to be removed too`},
		{[]*verify.Policy{header(many...)}, "claim_headers and payload_header of all policies together, each dash also as underscore, make 1088 names; at most 1024 can be removed from every request: share header names between policies, or use fewer dashes"},
	} {
		s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{bearer("default")}}})
		err := s.Swap(&fake{policies: tc.policies})
		if err == nil || err.Error() != tc.want {
			t.Errorf("%v, want %s", err, tc.want)
		}
		if got := askServer(t, s, raw("/", "authorization: Bearer "+good)); !got.passes {
			t.Errorf("%s: the old policies are gone", tc.want)
		}
	}
}

func TestSpellings(t *testing.T) {
	want := []string{"a-b-c", "a-b_c", "a_b-c", "a_b_c"}
	if diff := cmp.Diff(want, sorted(spellings("a-b-c")...)); diff != "" {
		t.Error(diff)
	}
	if n := len(spellings("x" + strings.Repeat("-y", maxDashes))); n != 1<<maxDashes {
		t.Errorf("%d spellings of %d dashes", n, maxDashes)
	}
}
