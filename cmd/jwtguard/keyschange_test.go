package main

import (
	"strings"
	"testing"
)

// changed is the answer to an order.
func changed(status int, facts, detail string) fakeAnswer {
	return fakeAnswer{status: status, body: `{` + facts + `,"keys":[],"detail":"` + detail + `"}`}
}

func TestKeysChangesSayWhatIsNowTheCase(t *testing.T) {
	const (
		durable = `"changed":true,"in_force":true,"durable":true`
		fleet   = `"changed":true,"in_force":true,"durable":false`
	)
	for name, c := range map[string]struct {
		args   string
		answer fakeAnswer
		asked  string
		status int
		stdout string
		stderr string
	}{
		"retired": {
			"retire corp k --reason rotated", changed(200, durable, "Tokens issued before are accepted until 01:00:00Z."),
			`POST /api/v1/keys/corp/k/retire {"reason":"rotated"}`, 0,
			"retired: in force and durable\nTokens issued before are accepted until 01:00:00Z.\n", "",
		},
		"with everything": {
			"retire --grace 30m --force corp --unseen k --reason rotated --thumbprint " + thumbA, changed(200, durable, "So it is."),
			`POST /api/v1/keys/corp/k/retire {"reason":"rotated","grace":"30m","thumbprint":"` + thumbA + `","force":true,"unseen":true}`, 0,
			"retired: in force and durable\nSo it is.\n", "",
		},
		"no grace": {
			"retire --grace=0 --reason rotated corp k", changed(200, durable, "So it is."),
			`POST /api/v1/keys/corp/k/retire {"reason":"rotated","grace":"0"}`, 0,
			"retired: in force and durable\nSo it is.\n", "",
		},
		"revoked by thumbprint": {
			"revoke corp - --reason leaked --thumbprint " + thumbC, changed(200, durable, "The key is revoked."),
			`POST /api/v1/keys/corp/-/revoke {"reason":"leaked","thumbprint":"` + thumbC + `"}`, 0,
			"revoked: in force and durable\nThe key is revoked.\n", "",
		},
		"reinstated": {
			"reinstate --reason mistake corp k", changed(200, durable, "The key is in service again: active."),
			`POST /api/v1/keys/corp/k/reinstate {"reason":"mistake"}`, 0,
			"reinstated: in force and durable\nThe key is in service again: active.\n", "",
		},
		"nothing to change": {
			"revoke corp k --reason leaked", changed(200, `"changed":false,"in_force":true,"durable":true`, "Nothing changed: it was so before."),
			`POST /api/v1/keys/corp/k/revoke {"reason":"leaked"}`, 0,
			"nothing to change: in force and durable\nNothing changed: it was so before.\n", "",
		},
		"a guard without a memory": {
			"retire corp k --reason rotated", changed(200, fleet, `It lasts until this guard restarts. Add: retired: [{kid: \"k\", reason: \"rotated\"}]`),
			`POST /api/v1/keys/corp/k/retire {"reason":"rotated"}`, 0,
			"retired: in force until this guard restarts\nIt lasts until this guard restarts. Add: retired: [{kid: \"k\", reason: \"rotated\"}]\n",
			"jwtguard keys retire: warning: this guard keeps nothing beyond a restart: what is to last must stand in its configuration\n",
		},
		"a full disk": {
			"retire corp k --reason rotated", changed(202, fleet, "It is not written down yet (no space left on device)."),
			`POST /api/v1/keys/corp/k/retire {"reason":"rotated"}`, 0,
			"retired: in force, not yet on disk: the guard keeps trying\nIt is not written down yet (no space left on device).\n",
			"jwtguard keys retire: warning: a restart before it is on disk would forget it; the guard's log says what is wrong with the disk\n",
		},
		"for machines": {
			"retire corp k --reason rotated --json", changed(202, fleet, "Not yet."),
			`POST /api/v1/keys/corp/k/retire {"reason":"rotated"}`, 0,
			`{"changed":true,"in_force":true,"durable":false,"keys":[],"detail":"Not yet."}` + "\n",
			"jwtguard keys retire: warning: a restart before it is on disk would forget it; the guard's log says what is wrong with the disk\n",
		},
		"a line that would begin another one": {
			"revoke corp k --reason x", changed(200, durable, `So it is.\nREFUSED \u001b[2J`),
			`POST /api/v1/keys/corp/k/revoke {"reason":"x"}`, 0,
			"revoked: in force and durable\nSo it is.\\nREFUSED \\u001b[2J\n", "",
		},
		"tokens in use": {
			"retire --grace 0s corp k --reason rotated", fakeAnswer{status: 409, body: `{"title":"Tokens in use","status":409,"detail":"in use 3 s ago; tokens until 00:12:00Z",` +
				`"force_would_do":true,"last_used":"1999-12-31T23:59:57Z","used_until":"2000-01-01T00:12:00Z"}`},
			`POST /api/v1/keys/corp/k/retire {"reason":"rotated","grace":"0s"}`, 1, "",
			`jwtguard keys retire: refused: in use 3 s ago; tokens until 00:12:00Z
  last used           1999-12-31T23:59:57Z (3s ago)
  tokens in use until 2000-01-01T00:12:00Z (in 12m)
  to do: add --force to do it all the same
`,
		},
		"what force does not change": {
			"reinstate corp k --reason mistake", fakeAnswer{status: 409, body: `{"status":409,"detail":"the key is revoked"}`},
			`POST /api/v1/keys/corp/k/reinstate {"reason":"mistake"}`, 1, "",
			"jwtguard keys reinstate: refused: the key is revoked\n",
		},
		"a refusal for machines": {
			"revoke corp k --reason leaked --json", fakeAnswer{status: 409, body: `{"detail":"it is the last usable key","force_would_do":true}`},
			`POST /api/v1/keys/corp/k/revoke {"reason":"leaked"}`, 1,
			`{"detail":"it is the last usable key","force_would_do":true}` + "\n",
			"jwtguard keys revoke: refused: it is the last usable key\n  to do: add --force to do it all the same\n",
		},
		"several keys": {
			"revoke corp k --reason leaked", fakeAnswer{status: 409, body: `{"detail":"the kid has named several keys","thumbprints":["` + thumbA + `"]}`},
			`POST /api/v1/keys/corp/k/revoke {"reason":"leaked"}`, 1, "",
			"jwtguard keys revoke: refused: the kid has named several keys\n  to do: name the key by --thumbprint, with - for KID\n",
		},
		"an unknown key": {
			"revoke corp k --reason leaked", fakeAnswer{status: 404, body: `{"detail":"corp has no key of the kid \"k\""}`},
			`POST /api/v1/keys/corp/k/revoke {"reason":"leaked"}`, 1, "",
			"jwtguard keys revoke: refused: corp has no key of the kid \"k\"\n  to do: compare the spelling, or add --unseen to put a key out of service that this guard has never seen\n",
		},
		"an unknown key to reinstate": {
			"reinstate corp k --reason mistake", fakeAnswer{status: 404, body: `{"detail":"corp has no key of the kid \"k\""}`},
			`POST /api/v1/keys/corp/k/reinstate {"reason":"mistake"}`, 1, "",
			"jwtguard keys reinstate: refused: corp has no key of the kid \"k\"\n",
		},
		"an unknown issuer": {
			"revoke nope k --reason leaked", fakeAnswer{},
			`POST /api/v1/keys/nope/k/revoke {"reason":"leaked"}`, 1, "",
			"jwtguard keys revoke: refused: no issuer has that name\n",
		},
		"a guard that stops": {
			"revoke corp k --reason leaked", fakeAnswer{status: 503, body: `{"detail":"the guard is stopping; nothing happened: give the order to its successor"}`},
			`POST /api/v1/keys/corp/k/revoke {"reason":"leaked"}`, 1, "",
			"jwtguard keys revoke: the guard is stopping; nothing happened: give the order to its successor\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, _, _ := strings.Cut(strings.TrimPrefix(c.asked, "POST "), " ")
			answers := map[string]fakeAnswer{}
			if c.answer.status != 0 {
				answers["POST "+path] = c.answer
			}
			withGuard(t, "unix", answers, func(g *fakeGuard) {
				g.keys(strings.Fields(c.args)...).is(t, c.status, c.stdout, c.stderr)
				g.wasAsked(c.asked)
			})
		})
	}
}

func TestKeysRefresh(t *testing.T) {
	for name, c := range map[string]struct {
		answer         fakeAnswer
		status         int
		stdout, stderr string
	}{
		"fetched":      {fakeAnswer{status: 200, body: `{"result":"ok","detail":""}`}, 0, "fetched: ok\n", ""},
		"not modified": {fakeAnswer{status: 200, body: `{"result":"not_modified","detail":"2 keys"}`}, 0, "fetched: not_modified, 2 keys\n", ""},
		"failed": {fakeAnswer{status: 200, body: `{"result":"timeout","detail":"no answer within 5s"}`}, 1, "",
			"jwtguard keys refresh: the keys could not be fetched: timeout: no answer within 5s\n"},
		"still to come": {fakeAnswer{status: 202, body: `{"due":"2000-01-01T00:04:00Z","detail":"the fetch is due at 00:04:00Z, and comes by itself: the guard waits"}`}, 1, "",
			"jwtguard keys refresh: not fetched yet: the fetch is due at 00:04:00Z, and comes by itself: the guard waits\n"},
		"unknown":   {fakeAnswer{status: 404, body: `{"detail":"no issuer has the name","issuers":[]}`}, 1, "", "jwtguard keys refresh: no issuer has the name\n"},
		"no result": {fakeAnswer{status: 200, body: `{}`}, 1, "", "jwtguard keys refresh: something answers at ADMIN, but not as a guard does\n"},
	} {
		t.Run(name, func(t *testing.T) {
			withGuard(t, "unix", map[string]fakeAnswer{"POST /api/v1/issuers/corp/refresh": c.answer}, func(g *fakeGuard) {
				g.keys("refresh", "corp").is(t, c.status, c.stdout, c.stderr)
				g.wasAsked("POST /api/v1/issuers/corp/refresh")
				if c.answer.status < 300 && c.answer.body != "{}" {
					g.keys("refresh", "corp", "--json").is(t, c.status, c.answer.body+"\n", c.stderr)
				}
			})
		})
	}
}

// A grace that lets the tokens pass comes before force, which cuts them off.
func TestKeysOfferTheGraceBeforeForce(t *testing.T) {
	want := "add --grace 1h1m, so that they pass, or --force to cut them off"
	if got := new(keysRun).remedy(&problem{Status: 409, ForceWouldDo: true, GraceWouldDo: "1h1m"}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
