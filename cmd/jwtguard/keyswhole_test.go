package main

import (
	"fmt"
	"strings"
	"testing"
)

// What the list shows of a thumbprint names the key, with or without the ellipsis,
// and the guard is told all of it.
func TestKeysTakeAThumbprintAsTheListShowsIt(t *testing.T) {
	const alike = "dqIjbSJF9rwTAnotherKeyThatBeginsTheSame1234"
	list := fmt.Sprintf(`{"keys":[{"issuer":"b","kid":"k","thumbprint":"%[1]s","state":"active"},{"issuer":"corp","kid":"k","thumbprint":"%[1]s","state":"active"},
{"issuer":"corp","kid":"old","thumbprint":"%[2]s","state":"active"},{"issuer":"corp","kid":"older","thumbprint":"%[3]s","state":"retired"},{"issuer":"corp","kid":"-","thumbprint":"%[4]s","state":"active"}]}`,
		thumbA, thumbB, alike, thumbC)
	answers := listAnswers(list, "b", "corp")
	for _, whole := range []string{thumbA, thumbC} {
		answers["GET /api/v1/keys/corp/-?thumbprint="+whole] = fakeAnswer{status: 200, body: `{"issuer":"corp","kid":"k","thumbprint":"` + whole + `","state":"active"}`}
	}
	answers["POST /api/v1/keys/corp/-/revoke"] = fakeAnswer{status: 200, body: `{"changed":true,"in_force":true,"durable":true}`}
	const ask, revoke = "GET /api/v1/keys", "POST /api/v1/keys/corp/-/revoke"
	withGuard(t, "tcp", answers, func(g *fakeGuard) {
		token := g.file("token", "s3cret-of-operators", 0o600)
		order := func(thumbprint string) said {
			return g.keys("revoke", "--reason", "x", "--token-file", token, "--thumbprint", thumbprint, "corp", "-")
		}
		for shown, whole := range map[string]string{
			thumbA[:shortThumbprint] + "…": thumbA, thumbA[:shortThumbprint]: thumbA, thumbA[:42]: thumbA, thumbC[:shortThumbprint] + "…": thumbC,
		} {
			order(shown).says(t, 0, "revoked: in force and durable")
			g.wasAsked(ask, revoke+` Bearer s3cret-of-operators {"reason":"x","thumbprint":"`+whole+`"}`)
			g.keys("show", "--thumbprint", shown, "corp", "-").says(t, 0, "thumbprint           "+whole)
			g.wasAsked(ask, ask+"/corp/-?thumbprint="+whole)
		}
		// Nothing is ordered about what is not one key of that issuer.
		order(thumbB[:12]).is(t, 1, "", "jwtguard keys revoke: 2 keys of corp have a thumbprint that begins with dqIjbSJF9rwT: give more of it: "+thumbB+", "+alike+"\n")
		order("AAAAAAAAAA…").is(t, 1, "", "jwtguard keys revoke: no key of corp has a thumbprint that begins with AAAAAAAAAA: compare it with jwtguard keys list, or give all 43 characters\n")
		g.keys("show", "--thumbprint", thumbB[:13], "b", "-").says(t, 1, "no key of b has a thumbprint that begins with")
		g.wasAsked(ask, ask, ask)
		// What is no beginning goes to the guard as it is, which says what is wrong.
		for _, odd := range []string{thumbA, thumbA[:9], thumbA[:9] + "…", thumbA + "A", "*"} {
			order(odd)
			g.wasAsked(revoke + ` Bearer s3cret-of-operators {"reason":"x","thumbprint":"` + odd + `"}`)
		}
	})
	for body, want := range map[string]string{"{}": "not as a guard does", `{"keys":[{}]}`: "not as a guard does"} {
		withGuard(t, "unix", map[string]fakeAnswer{ask: {status: 200, body: body}}, func(g *fakeGuard) {
			said := g.keys("revoke", "--reason", "x", "--thumbprint", thumbA[:20], "corp", "-")
			if said.says(t, 1, want); strings.Contains(said.stderr, "in force") {
				t.Errorf("nothing was ordered: %s", said.stderr)
			}
			g.wasAsked(ask)
		})
	}
}
