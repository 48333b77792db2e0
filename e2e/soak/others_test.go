package soak

import (
	"strings"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// limit is the longest token that is looked at.
const limit = 8192

// other is a shot that fails before any key is looked up.
func (c *client) other() shot {
	if c.others == nil {
		i := c.issuers[0]
		k := i.signing.Load() // whether it stays in service does not matter
		claims := devissuer.StandardClaims(i.URL, audience, life)
		with := func(name string, value any) string { return k.TokenWith(devissuer.Header{name: value}, claims) }
		stranger := k.Token(claims.With(devissuer.Claims{"iss": "https://stranger.example"}))
		for _, o := range []struct{ reason, credential string }{
			{"token_malformed", "Bearer x"},
			{"token_malformed", "Bearer a.b.c"},
			{"token_malformed", "Bearer YQ.YQ.YQ"},
			{"token_malformed", "Bearer " + k.Raw([]byte(`{"alg":"ES256","alg":"none"}`), []byte(`{}`))},
			{"header_forbidden", "Bearer " + with("jku", "https://stranger.example/jwks.json")},
			{"alg_not_allowed", "Bearer " + with("alg", "none")},
			{"kid_missing", "Bearer " + with("kid", nil)},
			{"claim_missing", "Bearer " + k.Token(devissuer.Claims{"aud": audience})},
			{"issuer_unknown", "Bearer " + stranger},
			{"multiple_credentials", "Bearer " + stranger + ",Bearer " + stranger},
			{"token_missing", "Basic YTpi"},
		} {
			c.others = append(c.others, shot{kind: "meant to be " + o.reason, credential: o.credential, may: []string{o.reason}})
		}
	}
	return one(c, c.others)
}

// oversized is a token that is too long, by some bytes or by far.
func (c *client) oversized() shot {
	return shot{kind: "oversized", credential: "Bearer " + strings.Repeat("a", limit+1+c.chance.IntN(limit)), may: []string{"token_too_large"}}
}

// none is a request without a credential.
func (c *client) none() shot {
	return shot{kind: "without a credential", may: []string{"token_missing"}}
}
