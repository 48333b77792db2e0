package main

import (
	"strings"
	"testing"
)

func TestKeysShowTellsAllAndWhatComesNext(t *testing.T) {
	const usual = "\nlast used            never, by this guard's record\nuses                 0 allowed, 0 denied\n"
	for name, c := range map[string]struct {
		key  string // what follows the issuer
		want string
	}{
		"in grace": {`"kid":"k","thumbprint":"` + thumbA + `","alg":"ES256","state":"grace","since":"1999-12-31T23:05:00Z","first_seen":"1999-10-01T00:00:00Z","last_seen":"1999-12-31T23:09:00Z",` +
			`"left_at":"1999-12-31T23:10:00Z","retires_at":"2000-01-01T00:10:00Z","final":false,"last_used":"1999-12-31T23:59:59Z","latest_token_expiry":"2000-01-01T00:09:00Z","allowed":99,"denied":1,` +
			`"safe_to_retire":{"ok":false,"from":"2000-01-01T01:00:00Z","reasons":[{"condition":"fresh","ok":true,"detail":"the issuer's keys were fetched"},{"condition":"quiet","ok":false,"detail":"last \u001b[1mused"}]}`,
			`kid                  "k"
thumbprint           NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs
alg                  ES256
state                grace (NIST SP 800-57: deactivated)
since                1999-12-31T23:05:00Z (55m ago)
first listed         1999-10-01T00:00:00Z (92d ago)
last listed          1999-12-31T23:09:00Z (51m ago)
withdrawn            1999-12-31T23:10:00Z (50m ago)
accepted until       2000-01-01T00:10:00Z (in 10m)
last used            1999-12-31T23:59:59Z (1s ago)
latest token expiry  2000-01-01T00:09:00Z (in 9m)
uses                 99 allowed, 1 denied
safe to retire       no; not before 2000-01-01T01:00:00Z (in 60m)
                      yes: the issuer's keys were fetched
                       no: last \u001b[1mused
what to do           In grace: tokens until 2000-01-01T00:10:00Z (in 10m). End it now, for tokens still in use
                     as well, with:
                     jwtguard keys retire --admin ADMIN --grace 0s --reason TEXT --force corp k
`},
		"safe to retire": {`"kid":"k","state":"active","safe_to_retire":{"ok":true,"reasons":[]}`, `kid                  "k"
thumbprint           -
state                active (NIST SP 800-57: active)
first listed         never, to this guard` + usual + `safe to retire       yes, as far as this guard knows
what to do           Nothing. In a rotation, list the next key first; when the issuer signs with that one:
                     jwtguard keys retire --admin ADMIN --reason TEXT corp k
`},
		"withdrawn, and the issuer is silent": {`"kid":"k","state":"grace","safe_to_retire":{"ok":false,"reasons":[{"condition":"fresh","ok":false,"detail":"last fetched yesterday"}]}`, `kid                  "k"
thumbprint           -
state                grace (NIST SP 800-57: deactivated)
first listed         never, to this guard` + usual + `safe to retire       no
                       no: last fetched yesterday
what to do           In grace. End it now with:
                     jwtguard keys retire --admin ADMIN --grace 0s --reason TEXT corp k
`},
		"active": {`"kid":"k","state":"active","first_seen":"1999-12-31T00:00:00Z"`, `kid                  "k"
thumbprint           -
state                active (NIST SP 800-57: active)
first listed         1999-12-31T00:00:00Z (24h ago)` + usual +
			`what to do           Nothing. In a rotation, list the next key first; when the issuer signs with that one:
                     jwtguard keys retire --admin ADMIN --reason TEXT corp k
`},
		"pending": {`"kid":"k","state":"pending","first_seen":"2000-01-01T00:00:00Z"`, `kid                  "k"
thumbprint           -
state                pending (NIST SP 800-57: pre-activation)
first listed         2000-01-01T00:00:00Z (now)` + usual +
			`what to do           Not in force yet: it waits for its time. Should that never come:
                     jwtguard keys retire --admin ADMIN --reason TEXT corp k
`},
		"retired": {`"kid":"k","state":"retired","since":"1999-12-31T00:00:00Z","retired_at":"1999-12-31T00:00:00Z","final":true,"reason":"rotated by \u001b[1mme","actor":"uid:1000"`, `kid                  "k"
thumbprint           -
state                retired (NIST SP 800-57: destroyed, this record is kept)
first listed         never, to this guard
out of service       1999-12-31T00:00:00Z (24h ago)
final                yes: whatever the issuer lists
reason               "rotated by \x1b[1mme"
by                   "uid:1000"` + usual +
			`what to do           Nothing: it is refused for ever. If it was retired by mistake:
                     jwtguard keys reinstate --admin ADMIN --reason TEXT corp k
`},
		"expired": {`"kid":"k","state":"retired","first_seen":"1999-12-31T00:00:00Z","retired_at":"1999-12-31T23:58:30Z"`, `kid                  "k"
thumbprint           -
state                retired (NIST SP 800-57: destroyed, this record is kept)
first listed         1999-12-31T00:00:00Z (24h ago)
out of service       1999-12-31T23:58:30Z (90s ago)` + usual +
			`what to do           It is refused, and comes back if the issuer lists it again, with a later exp if it has
                     one. To refuse it for ever:
                     jwtguard keys retire --admin ADMIN --reason TEXT corp k
`},
		"revoked": {`"thumbprint":"` + thumbC + `","state":"revoked","final":true`, `thumbprint           -0bAvSJF9rwTqYzRGtzGKGdJ8sCOkZCBJQgJ5Dt4Mho
state                revoked (NIST SP 800-57: compromised)
first listed         never, to this guard
final                yes: whatever the issuer lists` + usual +
			`what to do           Nothing: it is never trusted again. If the issuer still lists it, have it taken out
                     there.
`},
		"ordered for later": {`"kid":"k","state":"active","first_seen":"1999-12-31T00:00:00Z","retires_at":"2000-01-01T06:00:00Z","final":true`, `kid                  "k"
thumbprint           -
state                active (NIST SP 800-57: active)
first listed         1999-12-31T00:00:00Z (24h ago)
accepted until       2000-01-01T06:00:00Z (in 6h)
final                yes: whatever the issuer lists` + usual +
			`what to do           An order puts it out of service by 2000-01-01T06:00:00Z (in 6h). To take the order back:
                     jwtguard keys reinstate --admin ADMIN --reason TEXT corp k
`},
	} {
		t.Run(name, func(t *testing.T) {
			answer := `{"issuer":"corp",` + c.key + `}`
			withGuard(t, "unix", map[string]fakeAnswer{"GET /api/v1/keys/corp/k": {status: 200, body: answer}}, func(g *fakeGuard) {
				g.keys("show", "corp", "k").is(t, 0, "issuer               corp\n"+c.want, "")
				g.keys("show", "corp", "k", "--json").is(t, 0, answer+"\n", "")
			})
		})
	}
}

// RFC 8725, section 3.1: one algorithm for each key. Where that is not so, or where
// no token of a key can pass, it is said.
func TestKeysShowTellsWhatAlgDoesNot(t *testing.T) {
	for name, c := range map[string]struct{ members, want string }{
		"its own":        {`"alg":"ES256"`, "alg                  ES256\n"},
		"not told":       {`"final":false`, "thumbprint           -\nstate "},
		"several":        {`"algorithms":["RS256","PS256"]`, "alg                  any of RS256, PS256: the issuer's key names none\n"},
		"one":            {`"algorithms":["ES256"]`, "alg                  ES256: the issuer's key names none, and this alone of its algorithms fits\n"},
		"another":        {`"alg":"Ed25519","algorithms":[]`, "alg                  Ed25519, which is not among the issuer's algorithms: no token passes\n"},
		"none":           {`"algorithms":[]`, "alg                  none: no algorithm of the issuer's fits the key, and no token passes\n"},
		"what is no alg": {`"algorithms":["\u001b[2J",""]`, "alg                  any of \"\\x1b[2J\", -: the issuer's key names none\n"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := `{"issuer":"corp","kid":"k","state":"active",` + c.members + `}`
			withGuard(t, "unix", map[string]fakeAnswer{"GET /api/v1/keys/corp/k": {status: 200, body: answer}}, func(g *fakeGuard) {
				g.keys("show", "corp", "k").says(t, 0, c.want)
			})
		})
	}
}

// A kid may hold anything that the issuer likes, and has to arrive as it is. What
// is shown of it moves no cursor, and no command that is offered for copying does
// anything else than it says.
func TestKeysNameAKeyWhateverItsKidHolds(t *testing.T) {
	for _, c := range []struct {
		kid, path, thumbprint string
		shown                 string // in quotes
		command               string // the end of the one that is offered
	}{
		{"k", "k", thumbA, "k", "corp k"},
		{"a/b?c#d%e", "a%2Fb%3Fc%23d%25e", "", "a/b?c#d%e", "corp 'a/b?c#d%e'"},
		{"..", "%2E%2E", thumbA, "..", "--thumbprint " + thumbA + " corp -"},
		{".", "%2E", "", ".", "corp '.'"},
		{"$(rm -rf ~)", "$%28rm%20-rf%20~%29", thumbC, "$(rm -rf ~)", "--thumbprint " + thumbC + " corp -"},
		{"it's; ls", "it%27s%3B%20ls", "", "it's; ls", `corp 'it'\''s; ls'`},
		{"--force", "--force", "", "--force", "-- corp '--force'"},
		{"bücher", "b%C3%BCcher", "", `b\u00fccher`, "corp …"},
		{"\x1b[2J\u202e", "%1B%5B2J%E2%80%AE", thumbB, `\x1b[2J\u202e`, "--thumbprint " + thumbB + " corp -"},
		{"a\nb", "a%0Ab", "x; ls", `a\nb`, "corp …"},
	} {
		t.Run(c.kid, func(t *testing.T) {
			answer := string(mustJSON(t, map[string]string{"issuer": "corp", "kid": c.kid, "thumbprint": c.thumbprint, "state": "active"}))
			withGuard(t, "tcp", map[string]fakeAnswer{
				"GET /api/v1/keys":                {status: 200, body: `{"keys":[` + answer + `]}`},
				"GET /api/v1/keys/corp/" + c.path: {status: 200, body: answer},
			}, func(g *fakeGuard) {
				said := g.bare("show", "--admin", g.admin, "--", "corp", c.kid)
				said.says(t, 0, "kid                  \""+c.shown+"\"\n", "jwtguard keys retire --admin ADMIN --reason TEXT "+c.command+"\n")
				if n := strings.Count(g.keys("list", "corp").stdout, "\n"); n != 2 {
					t.Errorf("%d lines are listed", n)
				}
			})
		})
	}
}

func TestKeysShowByThumbprint(t *testing.T) {
	answer := fakeAnswer{status: 200, body: `{"issuer":"corp","kid":"k","thumbprint":"` + thumbC + `","state":"active"}`}
	withGuard(t, "unix", map[string]fakeAnswer{
		"GET /api/v1/keys/corp/-?thumbprint=" + thumbC: answer,
		"GET /api/v1/keys/corp/k?thumbprint=" + thumbC: answer,
	}, func(g *fakeGuard) {
		next := "jwtguard keys retire --admin ADMIN --reason TEXT --thumbprint " + thumbC + " corp -\n"
		g.keys("show", "corp", "-", "--thumbprint", thumbC).says(t, 0, next)
		g.keys("show", "--thumbprint", thumbC, "corp", "k").says(t, 0, next)
	})
}

func TestKeysShowOfWhatIsNotThere(t *testing.T) {
	withGuard(t, "unix", map[string]fakeAnswer{
		"GET /api/v1/keys/corp/k": {status: 404, body: `{"title":"No such key","status":404,"detail":"corp has no key of the kid \"k\"; there are: \"a\""}`},
		"GET /api/v1/keys/corp/a": {status: 409, body: `{"title":"Several keys","status":409,"detail":"the kid \"a\" has named several keys of corp","thumbprints":["` + thumbA + `","` + thumbB + `"]}`},
	}, func(g *fakeGuard) {
		g.keys("show", "corp", "k").is(t, 1, "", "jwtguard keys show: corp has no key of the kid \"k\"; there are: \"a\"\n")
		g.keys("show", "corp", "a").is(t, 1, "", "jwtguard keys show: the kid \"a\" has named several keys of corp\n  to do: name the key by --thumbprint, with - for KID\n")
		g.keys("show", "corpse", "a").is(t, 1, "", "jwtguard keys show: no issuer has that name\n")
	})
}
