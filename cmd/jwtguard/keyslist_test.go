package main

import (
	"fmt"
	"strings"
	"testing"
)

// Thumbprints of some keys. The last one could be taken for a flag.
const (
	thumbA = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	thumbB = "dqIjbSJF9rwTqYzRGtzGKGdJ8sCOkZCBJQgJ5Dt4Mho"
	thumbC = "-0bAvSJF9rwTqYzRGtzGKGdJ8sCOkZCBJQgJ5Dt4Mho"
)

// everyState is a guard's list with one key of each state, in no order, and one
// that is neither listed nor out of service for ever.
const everyState = `{"keys":[
{"issuer":"corp","kid":"2025-01","thumbprint":"` + thumbA + `","alg":"ES256","state":"retired","since":"1999-12-01T00:00:00Z","first_seen":"1999-01-01T00:00:00Z","retired_at":"1999-12-01T00:00:00Z","final":true,"reason":"rotated","actor":"token:token","allowed":120034,"denied":3},
{"issuer":"corp","kid":"2025-06","thumbprint":"` + thumbB + `","state":"active","since":"1999-10-01T00:00:00Z","first_seen":"1999-10-01T00:00:00Z","last_seen":"1999-12-31T23:59:00Z","final":false,"last_used":"1999-12-31T23:59:57Z","latest_token_expiry":"2000-01-01T00:59:57Z","allowed":4711,"denied":0},
{"issuer":"corp","thumbprint":"` + thumbC + `","state":"revoked","since":"1999-12-31T20:00:00Z","retired_at":"1999-12-31T20:00:00Z","final":true,"reason":"leaked","actor":"uid:0","allowed":0,"denied":12},
{"issuer":"b","kid":"next","thumbprint":"` + thumbA + `","state":"pending","since":"1999-12-31T23:50:00Z","first_seen":"1999-12-31T23:50:00Z","final":false,"allowed":0,"denied":0},
{"issuer":"corp","kid":"2025-04","thumbprint":"` + thumbB + `","state":"grace","first_seen":"1999-10-01T00:00:00Z","retires_at":"2000-01-03T12:30:00Z","final":true,"allowed":0,"denied":0},
{"issuer":"corp","kid":"2024","state":"retired","since":"1999-06-01T00:00:00Z","retired_at":"1999-06-01T00:00:00Z","final":false,"allowed":0,"denied":0},
{"issuer":"corp","kid":"2025-03","thumbprint":"` + thumbA + `","state":"grace","since":"1999-12-31T23:10:00Z","first_seen":"1999-10-01T00:00:00Z","left_at":"1999-12-31T23:10:00Z","retires_at":"2000-01-01T00:10:00Z","final":false,"last_used":"1999-12-31T23:59:59Z","latest_token_expiry":"2000-01-01T00:09:00Z","allowed":99,"denied":0}
]}`

// listAnswers are those of a guard with these keys, which tells the names of its issuers.
func listAnswers(keys string, issuers ...string) map[string]fakeAnswer {
	return map[string]fakeAnswer{
		"GET /api/v1/keys":     {status: 200, body: keys},
		"GET /api/v1/keys/-/-": {status: 404, body: fmt.Sprintf(`{"title":"No such issuer","status":404,"detail":"no issuer has the name \"-\"","issuers":["%s"]}`, strings.Join(issuers, `","`))},
	}
}

func TestKeysListAnswersAtAGlance(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		withGuard(t, network, listAnswers(everyState, "corp", "down", "b"), func(g *fakeGuard) {
			g.keys("list").is(t, 0, `ISSUER  KID      STATE    SINCE     UNTIL                      LAST USED  LATEST EXPIRY  ALLOWED  DENIED  THUMBPRINT
b       next     pending  10m ago   -                          -          -              0        0       NzbLsXh8uD…
corp    2025-03  grace    50m ago   in 10m (00:10:00Z)         1s ago     in 9m          99       0       NzbLsXh8uD…
corp    2025-04  grace    -         in 2d (2000-01-03 12:30Z)  -          -              0        0       dqIjbSJF9r…
corp    2025-06  active   92d ago   -                          3s ago     in 59m         4711     0       dqIjbSJF9r…
corp    -        revoked  4h ago    for ever                   -          -              0        12      -0bAvSJF9r…
corp    2024     retired  214d ago  -                          -          -              0        0       -
corp    2025-01  retired  31d ago   for ever                   -          -              120034   3       NzbLsXh8uD…
no keys of 1 issuer: down; no fetch has brought any yet, or the issuer lists none: /readyz at ADMIN says which
`, "")
			g.wasAsked("GET /api/v1/keys", "GET /api/v1/keys/-/-")
		})
	}
}

func TestKeysListOfSome(t *testing.T) {
	withGuard(t, "unix", listAnswers(everyState, "corp", "down", "b"), func(g *fakeGuard) {
		g.keys("list", "b").is(t, 0, "ISSUER  KID   STATE    SINCE    UNTIL  LAST USED  LATEST EXPIRY  ALLOWED  DENIED  THUMBPRINT\n"+
			"b       next  pending  10m ago  -      -          -              0        0       "+thumbA+"\n", "")
		g.wasAsked("GET /api/v1/keys")
		g.keys("list", "--retired", "corp").is(t, 0, `ISSUER  KID      STATE    SINCE     UNTIL                      LAST USED  LATEST EXPIRY  ALLOWED  DENIED  THUMBPRINT
corp    2025-04  grace    -         in 2d (2000-01-03 12:30Z)  -          -              0        0       dqIjbSJF9r…
corp    -        revoked  4h ago    for ever                   -          -              0        12      -0bAvSJF9r…
corp    2024     retired  214d ago  -                          -          -              0        0       -
corp    2025-01  retired  31d ago   for ever                   -          -              120034   3       NzbLsXh8uD…
`, "")
		g.keys("list", "down").is(t, 0, "no keys of 1 issuer: down; no fetch has brought any yet, or the issuer lists none: /readyz at ADMIN says which\n", "")
		g.keys("list", "--retired", "b").is(t, 0, "no keys are out of service\n", "")
		g.keys("list", "nope").is(t, 1, "", "jwtguard keys list: no issuer has the name \"nope\"; the guard has 3 issuers: corp, down, b\n")
	})
	withGuard(t, "unix", listAnswers(`{"keys":[]}`, "corp"), func(g *fakeGuard) {
		g.keys("list").is(t, 0, "no keys of 1 issuer: corp; no fetch has brought any yet, or the issuer lists none: /readyz at ADMIN says which\n", "")
		g.keys("list", "--retired").is(t, 0, "no keys are out of service\n", "")
		g.keys("list", "--retired", "-o", "config").is(t, 0, `# Keys that are out of service at the guard at ADMIN, on 2000-01-01T00:00:00Z.
# Under keys: of each issuer, put these in place of the lists that stand there.
# A guard without a state_dir gives a grace only while it runs: one that starts refuses the key at once.
# There are none.
`, "")
	})
	// One that does not tell its issuers.
	withGuard(t, "unix", map[string]fakeAnswer{"GET /api/v1/keys": {status: 200, body: `{"keys":[]}`}, "GET /api/v1/keys/-/-": {status: 500}}, func(g *fakeGuard) {
		g.keys("list").is(t, 0, "no keys\n", "")
		g.keys("list", "corp").is(t, 0, "no keys\n", "")
	})
}

func TestKeysListForMachines(t *testing.T) {
	withGuard(t, "unix", listAnswers(everyState, "corp", "b"), func(g *fakeGuard) {
		g.keys("list", "--json").is(t, 0, everyState+"\n", "")
		g.wasAsked("GET /api/v1/keys")
		g.keys("list", "b", "--json").is(t, 0, `{"keys":[{"issuer":"b","kid":"next","thumbprint":"`+thumbA+
			`","state":"pending","since":"1999-12-31T23:50:00Z","first_seen":"1999-12-31T23:50:00Z","final":false,"allowed":0,"denied":0}]}`+"\n", "")
		g.keys("list", "--json", "b", "--retired").is(t, 0, `{"keys":[]}`+"\n", "")
	})
	// JSON may be laid out by what a terminal obeys, and its strings may hold it.
	withGuard(t, "unix", map[string]fakeAnswer{"GET /api/v1/keys": {status: 200, body: "{\t\"keys\":\r\n[\"\u009b2J\u007f\u202e\"]}\r\n\n"}}, func(g *fakeGuard) {
		g.keys("list", "--json").is(t, 0, "{ \"keys\": \n[\"\\u009b2J\\u007f\\u202e\"]}\n", "")
	})
}
