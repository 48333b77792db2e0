package authz

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// TestCredentialInAuthorization has each value in both forms in which Envoy sends
// headers.
func TestCredentialInAuthorization(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"Bearer " + good, "ok"},
		{"bearer " + good, "ok"},
		{"BEARER    " + good, "ok"},
		{" Bearer " + good + "\t", "ok"},

		{"Basic dXNlcjpwdw==", "token_missing"},
		{"DPoP " + good, "token_missing"},
		{"Bearer" + good, "token_missing"}, // a scheme of its own
		{good, "token_missing"},
		{"", "token_missing"},
		{" ", "token_missing"},
		{`Digest username="u", realm="r", nc=00000001`, "token_missing"},
		{"AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;x-d, Signature=00", "token_missing"},

		{"Bearer", "token_malformed"}, // meant to hand one over
		{"Bearer ", "token_malformed"},
		{"Bearer\t" + good, "token_malformed"},
		{"Bearer:" + good, "token_malformed"},
		{"Bearer \t" + good, "token_malformed"},
		{"Bearer " + good + " " + good, "token_malformed"},
		{"Bearer Bearer " + good, "token_malformed"},
		{"Bearer " + good + "\x00", "token_malformed"},
		{`Bearer "` + good + `"`, "token_malformed"},

		{"Bearer " + good + ",Bearer " + good, "multiple_credentials"},
		{"Bearer " + good + ",", "multiple_credentials"},
		{"Bearer " + good + ", realm=x", "multiple_credentials"},
		{"Bearer ,Bearer " + good, "multiple_credentials"},
		{",Bearer " + good, "multiple_credentials"},
		{"Basic dXNlcjpwdw==,Bearer " + good, "multiple_credentials"},
		{"Basic dXNlcg==, bearer " + good, "multiple_credentials"},
		{"Basic a,Basic b", "multiple_credentials"},
		{`Digest a="b", Bearer ` + good, "multiple_credentials"},
		{`Digest a="b", Bearer ` + good + "=", "multiple_credentials"},
		{"Bearer " + good + ",Basic x=1", "multiple_credentials"},
	} {
		forms := map[string]*authv3.CheckRequest{
			"headers":    joined("/", map[string]string{"authorization": tc.value}),
			"header_map": raw("/", "authorization: "+tc.value),
			"mixed case": joined("/", map[string]string{"Authorization": tc.value}),
		}
		for form, req := range forms {
			if got := ask(t, bearer(""), req); got.reason() != tc.want {
				t.Errorf("%q in %s: %s, want %s", tc.value, form, got.reason(), tc.want)
			}
		}
	}
}

func TestCredentialInCustomHeader(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{good, "ok"},
		{"Bearer " + good, "ok"},
		{"bearer  " + good, "ok"},
		{"", "token_missing"},
		{"Bearer ", "token_malformed"},
		{"Basic " + good, "token_malformed"},
		{"Bearer" + good, "token_malformed"},
		{good + "," + good, "multiple_credentials"},
		{good + ",", "multiple_credentials"},
		{good + ",x=1", "multiple_credentials"},
	} {
		p := &verify.Policy{Token: verify.TokenSource{Header: "x-token"}}
		for _, req := range []*authv3.CheckRequest{
			joined("/", map[string]string{"x-token": tc.value, "authorization": "Bearer of.the.upstream"}),
			raw("/", "authorization: Bearer of.the.upstream", "X-Token: "+tc.value),
		} {
			if got := ask(t, p, req); got.reason() != tc.want {
				t.Errorf("%q: %s, want %s", tc.value, got.reason(), tc.want)
			}
		}
	}
}

func TestCredentialInCookie(t *testing.T) {
	for _, tc := range []struct{ cookie, want string }{
		{"session=" + good, "ok"},
		{"a=1; session=" + good + "; b=2", "ok"},
		{"a=1;session=" + good + ";", "ok"},
		{"a=1; session = " + good, "ok"},
		{`session="` + good + `"`, "ok"},
		{"a=x,y; session=" + good, "ok"}, // a comma in another cookie is that cookie's
		{"xsession=" + good, "token_missing"},
		{"Session=" + good, "token_missing"}, // names are case-sensitive
		{"a=session=" + good, "token_missing"},
		{"session=", "token_missing"}, // how a cookie is cleared
		{`session=""`, "token_missing"},
		{"session", "token_missing"},
		{"session=" + good + ",b=2", "token_malformed"},
		{`session="` + good, "token_malformed"},
		{"session=%61" + good[1:], "token_malformed"},

		{"session=" + good + "; session=" + good, "multiple_credentials"},
		{"session=; session=" + good, "multiple_credentials"},
		{"session=" + good + ";a=1;session=", "multiple_credentials"},
		{"session; session=" + good, "multiple_credentials"},
		{"session=x,session=" + good, "multiple_credentials"},
		{"a=1,session=" + good, "multiple_credentials"}, // two lines, or one value?
		{"a=1, \tsession =" + good + "; b=2", "multiple_credentials"},
		{`a="x; session=` + good + `"; session=` + good, "multiple_credentials"},
	} {
		p := &verify.Policy{Token: verify.TokenSource{Cookie: "session"}}
		for _, req := range []*authv3.CheckRequest{
			joined("/", map[string]string{"cookie": tc.cookie}),
			raw("/", "Cookie: "+tc.cookie),
			raw("/", "cookie: other=1", "cookie: "+tc.cookie),
			raw("/", "cookie: "+tc.cookie, "cookie: other=\xff"),
		} {
			if got := ask(t, p, req); got.reason() != tc.want {
				t.Errorf("%q: %s, want %s", tc.cookie, got.reason(), tc.want)
			}
		}
	}
}

func TestCredentialInQuery(t *testing.T) {
	for _, tc := range []struct{ path, want string }{
		{"/?access_token=" + good, "ok"},
		{"/a?b=1&access_token=" + good + "&c", "ok"},
		{"/?access%5Ftoken=" + good, "ok"},
		{"/?%61ccess_toke%6E=" + good, "ok"},
		{"?access_token=" + good, "ok"},
		{"/?a;b=1&access_token=" + good, "ok"},
		{"/", "token_missing"},
		{"/?", "token_missing"},
		{"", "token_missing"},
		{"/access_token=" + good, "token_missing"},
		{"/?access_token=", "token_missing"},
		{"/?access_token", "token_missing"},
		{"/?Access_Token=" + good, "token_missing"},
		{"/?access+token=" + good, "token_missing"}, // a space
		{"/?access%255Ftoken=" + good, "token_missing"},
		{"/#?a=1#access_token=" + good, "token_missing"},
		{"/?access_token=" + good + "#x", "token_malformed"},
		{"/?access_token=" + good + ";x=1", "token_malformed"},
		{"/?access_token=%61" + good[1:], "token_malformed"},
		{"/?access_token=+" + good, "token_malformed"},
		{"/?access_token=" + good + "?access_token=" + good, "token_malformed"},

		{"/?access_token=" + good + "&access_token=" + good, "multiple_credentials"},
		{"/?access_token&access_token=" + good, "multiple_credentials"},
		{"/?access_token=" + good + "&access%5ftoken=", "multiple_credentials"},
		{"/?a=1;access_token=" + good, "multiple_credentials"}, // one for readers that split at ;
		{"/?access_token=" + good + "&a=1;%61ccess_token=" + good, "multiple_credentials"},
	} {
		p := &verify.Policy{Token: verify.TokenSource{Query: "access_token"}}
		if got := ask(t, p, joined(tc.path, nil)); got.reason() != tc.want {
			t.Errorf("%q: %s, want %s", tc.path, got.reason(), tc.want)
		}
	}
	p := &verify.Policy{Token: verify.TokenSource{Query: "access token"}}
	if got := ask(t, p, joined("/?access+token="+good, nil)); got.reason() != "ok" {
		t.Errorf("a plus in a name is a space: %s", got.reason())
	}
}

func TestTwoLinesOfOneHeaderAreSeveral(t *testing.T) {
	for name, req := range map[string]*authv3.CheckRequest{
		"the same twice":       raw("/", "authorization: Bearer "+good, "authorization: Bearer "+good),
		"two spellings":        raw("/", "authorization: Bearer "+good, "AUTHORIZATION: Bearer x"),
		"another scheme":       raw("/", "authorization: Basic eDp5", "authorization: Bearer "+good),
		"neither is Bearer":    raw("/", "authorization: Basic eDp5", "authorization: Negotiate x"),
		"one is empty":         raw("/", "authorization: ", "authorization: Bearer "+good),
		"spellings in the map": joined("/", map[string]string{"authorization": "Bearer " + good, "Authorization": "Bearer " + good}),
	} {
		if got := ask(t, bearer(""), req); got.reason() != "multiple_credentials" {
			t.Errorf("%s: %s", name, got.reason())
		}
	}
}

// TestBothMaps: no Envoy fills both, so what they disagree about is refused.
func TestBothMaps(t *testing.T) {
	for _, tc := range []struct {
		name, raw, value, joined, want string
	}{
		{"agree", "Bearer " + good, "", "Bearer " + good, "ok"},
		{"differ", "Bearer " + good, "", "Bearer x", "multiple_credentials"},
		{"differ in bytes that are not UTF-8", "Bearer " + good + "\xff", "", "Bearer " + good + "!", "multiple_credentials"},
		{"value and raw_value agree", "Bearer " + good, "Bearer " + good, "", "multiple_credentials"}, // headers has an empty one
		{"value and raw_value differ", "Bearer " + good, "Basic x", "-", "multiple_credentials"},
		{"value alone", "", "Bearer " + good, "-", "ok"},
	} {
		http := &authv3.AttributeContext_HttpRequest{Path: "/", HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
			nil, {Key: "authorization", Value: tc.value, RawValue: []byte(tc.raw)},
		}}}
		if tc.joined != "-" {
			http.Headers = map[string]string{"authorization": tc.joined}
		}
		if got := ask(t, bearer(""), of(http)); got.reason() != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got.reason(), tc.want)
		}
	}
	http := &authv3.AttributeContext_HttpRequest{
		Headers:   map[string]string{"cookie": "session=" + good},
		HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "cookie", RawValue: []byte("session=x")}}},
	}
	p := &verify.Policy{Token: verify.TokenSource{Cookie: "session"}}
	if got := ask(t, p, of(http)); got.reason() != "multiple_credentials" {
		t.Errorf("two cookies: %s", got.reason())
	}
	http.HeaderMap.Headers[0].RawValue = []byte("session=" + good)
	if got := ask(t, p, of(http)); got.reason() != "ok" {
		t.Errorf("one cookie in both: %s", got.reason())
	}
}

func TestCredentialsInSeveralPlaces(t *testing.T) {
	p := &verify.Policy{Token: verify.TokenSource{Header: "authorization", Cookie: "session", Query: "access_token"}}
	for _, tc := range []struct{ authorization, cookie, path, want string }{
		{"Bearer " + good, "", "/", "ok"},
		{"", "session=" + good, "/", "ok"},
		{"", "", "/?access_token=" + good, "ok"},
		{"Bearer " + good, "session=", "/?access_token", "ok"}, // empty ones are none
		{"Basic eDp5", "session=" + good, "/", "ok"},           // not alone
		{"Bearer " + good, "session=" + good, "/", "multiple_credentials"},
		{"Bearer " + good, "", "/?access_token=" + good, "multiple_credentials"},
		{"", "session=x", "/?access_token=" + good, "multiple_credentials"},
		{"Bearer", "session=" + good, "/", "multiple_credentials"},
		{"Basic eDp5", "", "/", "token_missing"},
	} {
		var lines []string
		if tc.authorization != "" {
			lines = append(lines, "authorization: "+tc.authorization)
		}
		if tc.cookie != "" {
			lines = append(lines, "cookie: "+tc.cookie)
		}
		if got := ask(t, p, raw(tc.path, lines...)); got.reason() != tc.want {
			t.Errorf("%+v: %s", tc, got.reason())
		}
	}
}

// TestNothingButAbsenceIsMissing: a policy that lets requests without a
// credential pass must not let those pass that have a bad one (CVE-2021-21378).
func TestNothingButAbsenceIsMissing(t *testing.T) {
	p := bearer("")
	p.AllowMissing = true
	for value, want := range map[string]string{
		"-":                                    "missing_allowed",
		"Basic eDp5":                           "missing_allowed",
		"Bearer":                               "token_malformed",
		"Bearer x":                             "token_malformed",
		"Bearer x,Bearer y":                    "multiple_credentials",
		"Basic eDp5,Bearer x":                  "multiple_credentials",
		"Bearer " + strings.Repeat("x", 60000): "token_malformed",
	} {
		req := raw("/", "authorization: "+value)
		if value == "-" {
			req = raw("/")
		}
		got := ask(t, p, req)
		if got.reason() != want || got.passes != (want == "missing_allowed") {
			t.Errorf("%.40q: %s, passes %t", value, got.reason(), got.passes)
		}
	}
}

func TestTheTokenIsJudgedByteForByte(t *testing.T) {
	var judged string
	s := newServer(t, Config{Decider: &fake{
		policies: []*verify.Policy{bearer("default")},
		decide: func(p *verify.Policy, token string, _ verify.Instant) verify.Decision {
			judged = token
			return verify.Refuse(p, verify.TokenMalformed, "")
		},
	}})
	askServer(t, s, raw("/", "authorization: Bearer \xff\xfe.é.\x01"))
	if want := "\xff\xfe.é.\x01"; judged != want {
		t.Errorf("judged %q, want %q", judged, want)
	}
}
