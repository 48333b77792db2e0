package attacks

import (
	"testing"

	"github.com/jwtguard/jwtguard/internal/jose"
)

// goodTokens are tokens of every algorithm, and of every state of a key that is in
// force. They differ from those that attacks are made of in nothing: where they
// pass, no attack is refused because the world is broken.
func goodTokens(t testing.TB) map[string]parts {
	t.Helper()
	all := map[string]parts{
		"RS256": good(t, recipe{From: "rsa"}), "PS256": good(t, recipe{From: "ps"}), "ES256": good(t, recipe{}), "EdDSA": good(t, recipe{From: "ed"}),
		"Ed25519": good(t, recipe{From: "ed25519", Issuer: "every"}),
		"partner": good(t, recipe{From: "partner", Issuer: "partner"}), "partner, the same kid": good(t, recipe{From: "partner-ec", Issuer: "partner"}),
		"a key in grace": good(t, recipe{From: "withdrawn"}), "a key without alg": good(t, recipe{From: "rsa-any"}),
		// What the RFCs allow and attacks come near to.
		"no typ":                      good(t, recipe{Header: edit{Replace: change{`,"typ":"at+jwt"`, ``}}}),
		"a header that nobody knows":  good(t, recipe{Header: edit{Add: `"x-unknown":{"a":[1]}`}}),
		"a claim that nobody knows":   good(t, recipe{Payload: edit{Add: `"https://example.com/claim":[null]`}}),
		"an escaped name":             good(t, recipe{Header: edit{Replace: change{`"alg"`, `"\u0061lg"`}}}),
		"white space":                 good(t, recipe{Payload: edit{Replace: change{`,"sub"`, "\r\n ,\t\"sub\""}}}),
		"several audiences":           good(t, recipe{Payload: edit{Replace: change{`"payments-api"`, `["other-api","payments-api"]`}}}),
		"the other S of an ECDSA one": good(t, recipe{Text: `{{.Input}}.{{mirrored}}`}),
	}
	kids := map[string]string{"E": "", "R": "rsa-any", "P": "rsa-any"}
	for _, alg := range jose.Algorithms() {
		kid := map[string]string{"ES256": "ec-any", "ES384": "ec384", "ES512": "ec521", "EdDSA": "ed-any", "Ed25519": "ed-any"}[alg]
		if kid == "" {
			kid = kids[alg[:1]]
		}
		all["every, "+alg] = good(t, recipe{
			From: kid, Issuer: "every", Sign: signing{Alg: alg}, Header: edit{Replace: change{`"alg":"` + keys()[kid].alg + `"`, `"alg":"` + alg + `"`}},
		})
	}
	return all
}

func good(t testing.TB, r recipe) parts {
	t.Helper()
	p, err := r.make()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// goodRequests are the ways to hand a token over that the policies have.
func goodRequests() map[string]*attack {
	return map[string]*attack{
		"header":    {Policy: "strict", Request: &carrier{Headers: []string{"authorization: bearer  {{.Token}}"}}},
		"bare":      {Policy: "custom", Request: &carrier{Headers: []string{"x-token: {{.Token}}", "authorization: Basic YTpi"}}},
		"cookie":    {Policy: "cookie", Request: &carrier{Headers: []string{"cookie: a=1; session={{.Token}}"}}},
		"query":     {Policy: "query", Request: &carrier{Path: "/?a=1&access_token={{.Token}}"}},
		"any place": {Policy: "anywhere", Request: &carrier{Path: "/?access_token={{.Token}}"}},
		"nobody":    {Policy: "public", Request: &carrier{}},
	}
}
