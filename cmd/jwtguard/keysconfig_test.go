package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/internal/config"
)

// pasted is the configuration with the lines of each issuer under its keys.
func pasted(t *testing.T, lines string, issuers ...string) *config.Config {
	t.Helper()
	text := "policies: {default: {issuers: [\"*\"]}}\nissuers:\n"
	sections := strings.Split(lines, "\n# issuer ")
	for _, issuer := range issuers {
		text += "  - name: " + issuer + "\n    issuer: https://" + issuer + ".example.com\n    audiences: [a]\n    keys:\n      grace: 2h\n"
		for _, s := range sections[1:] {
			if own, ok := strings.CutPrefix(s, issuer+"\n"); ok {
				text += own
			}
		}
	}
	c, err := config.Parse("pasted.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for i := range c.Issuers {
		for _, list := range [][]config.Tombstone{c.Issuers[i].Keys.Retired, c.Issuers[i].Keys.Revoked} {
			for j := range list {
				list[j].Line = 0
			}
		}
	}
	return c
}

func TestKeysListAsConfigurationKeepsTheMemory(t *testing.T) {
	when := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	const keys = `{"keys":[
{"issuer":"corp","kid":"done","thumbprint":"` + thumbA + `","state":"retired","retired_at":"1999-12-31T23:30:00.123456789Z","final":true,"reason":"rotated"},
{"issuer":"corp","kid":"stolen","thumbprint":"` + thumbC + `","state":"revoked","retired_at":"1999-12-31T20:00:00Z","final":true,"reason":"leaked: \"x\" #1\\2\u0007é\u202e"},
{"issuer":"corp","kid":"expired","thumbprint":"` + thumbB + `","state":"retired","retired_at":"1999-12-31T20:00:00Z","final":false},
{"issuer":"corp","kid":"leaving","thumbprint":"` + thumbB + `","state":"grace","left_at":"1999-12-31T20:00:00Z","retires_at":"2000-01-01T20:00:00Z","final":false},
{"issuer":"corp","kid":"usual","thumbprint":"` + thumbB + `","state":"active","final":false},
{"issuer":"b","kid":"ordered","thumbprint":"` + thumbA + `","state":"grace","retires_at":"2000-01-01T00:30:00.5Z","final":true,"reason":"rotated"},
{"issuer":"b","kid":"left","thumbprint":"` + thumbB + `","state":"grace","since":"1999-12-31T23:50:00Z","left_at":"1999-12-31T23:55:00Z","retires_at":"2000-01-01T00:30:00Z","final":true},
{"issuer":"b","kid":"told","state":"grace","since":"1999-12-31T23:40:00Z","retires_at":"2000-01-01T00:30:00Z","final":true},
{"issuer":"b","kid":"later","state":"active","retires_at":"2000-01-02T00:00:00Z","final":true},
{"issuer":"b","kid":"- no: {yaml}, 'at' \"all\" \\ #😀\u202e\u2028\udb40\udc01","state":"retired","retired_at":"1999-12-31T20:00:00Z","final":true},
{"issuer":"b","kid":"a\u0007b","thumbprint":"` + thumbC + `","state":"retired","retired_at":"1999-12-31T20:00:00Z","final":true},
{"issuer":"b","kid":"2025-11-01","state":"retired","retired_at":"1999-12-31T20:00:00Z","final":true}
]}`
	withGuard(t, "unix", listAnswers(keys, "corp", "b"), func(g *fakeGuard) {
		s := g.keys("list", "--retired", "-o", "config")
		if s.status != 0 || s.stderr != "" {
			t.Errorf("%+v", s)
		}
		c := pasted(t, s.stdout, "corp", "b")
		gone := when("1999-12-31T20:00:00Z")
		for i, want := range []struct{ retired, revoked []config.Tombstone }{
			{
				[]config.Tombstone{{Kid: "done", Thumbprint: thumbA, At: when("1999-12-31T23:30:00.123456789Z"), Reason: "rotated"}},
				[]config.Tombstone{{Kid: "stolen", Thumbprint: thumbC, At: gone, Reason: "leaked: \"x\" #1\\2 é\u202e"}},
			},
			{
				[]config.Tombstone{
					{Kid: "left", Thumbprint: thumbB, At: when("1999-12-31T23:50:00Z"), Grace: 40 * time.Minute},
					{Kid: "ordered", Thumbprint: thumbA, At: when("2000-01-01T00:00:00Z"), Grace: 30*time.Minute + 500*time.Millisecond, Reason: "rotated"},
					{Kid: "told", At: when("1999-12-31T23:40:00Z"), Grace: 50 * time.Minute},
					{Kid: "later", At: when("2000-01-02T00:00:00Z")},
					{Kid: "- no: {yaml}, 'at' \"all\" \\ #😀\u202e\u2028\U000E0001", At: gone},
					{Kid: "2025-11-01", At: gone},
					{Thumbprint: thumbC, At: gone},
				},
				nil,
			},
		} {
			if diff := cmp.Diff(want.retired, c.Issuers[i].Keys.Retired, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: retired (- wanted, + got):\n%s", c.Issuers[i].Name, diff)
			}
			if diff := cmp.Diff(want.revoked, c.Issuers[i].Keys.Revoked, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: revoked (- wanted, + got):\n%s", c.Issuers[i].Name, diff)
			}
		}
	})
}

func TestKeysListAsConfiguration(t *testing.T) {
	withGuard(t, "unix", listAnswers(everyState, "corp", "b"), func(g *fakeGuard) {
		g.keys("list", "-o", "config", "corp", "--retired").is(t, 0, `# Keys that are out of service at the guard at ADMIN, on 2000-01-01T00:00:00Z.
# Under keys: of each issuer, put these in place of the lists that stand there.
# A guard without a state_dir gives a grace only while it runs: one that starts refuses the key at once.

# issuer corp
      retired:
        - {kid: "2025-04", thumbprint: "`+thumbB+`", at: 2000-01-01T00:00:00Z, grace: 60h30m}
        - {kid: "2025-01", thumbprint: "`+thumbA+`", at: 1999-12-01T00:00:00Z, grace: 0s, reason: "rotated"}
      revoked:
        - {thumbprint: "`+thumbC+`", at: 1999-12-31T20:00:00Z, reason: "leaked"}
`, "")
	})
}

// What no line can say is not lost in silence.
func TestKeysListAsConfigurationTellsWhatIsLeftOut(t *testing.T) {
	withGuard(t, "unix", listAnswers(`{"keys":[
{"issuer":"corp","kid":"a\u0007b","state":"retired","retired_at":"1999-12-31T20:00:00Z","final":true},
{"issuer":"corp\nrevoked: []","kid":"k","state":"retired","retired_at":"1999-12-31T20:00:00Z","final":true}]}`), func(g *fakeGuard) {
		g.keys("list", "--retired", "-o", "config").is(t, 1, `# Keys that are out of service at the guard at ADMIN, on 2000-01-01T00:00:00Z.
# Under keys: of each issuer, put these in place of the lists that stand there.
# A guard without a state_dir gives a grace only while it runs: one that starts refuses the key at once.

# issuer corp

# issuer "corp\nrevoked: []"
      retired:
        - {kid: "k", at: 1999-12-31T20:00:00Z, grace: 0s}
`, "jwtguard keys list: the kid \"a\\ab\" of corp cannot stand in a configuration, and its thumbprint is not known: it is left out\n")
	})
}

// A guard whose lifecycle time is ahead tells times that lie ahead, too: in other
// guards the lines count from now.
func TestLinesOfAGuardWhoseClockIsAheadCountFromNow(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	day, grace := now.Add(24*time.Hour), now.Add(24*time.Hour+30*time.Minute)
	for want, key := range map[string]admin.Key{
		`{kid: "a", at: 2026-11-01T12:00:00Z, grace: 0s}`:  {Kid: "a", State: "retired", Final: true, RetiredAt: &day},
		`{kid: "a", at: 2026-11-01T12:00:00Z, grace: 30m}`: {Kid: "a", State: "grace", Final: true, Since: &day, RetiresAt: &grace},
		`{kid: "a", at: 2026-11-02T12:00:00Z, grace: 0s}`:  {Kid: "a", State: "active", Final: true, RetiresAt: &day},
	} {
		if got, _ := configLine(key, now); got != want {
			t.Errorf("%+v: %s, want %s", key, got, want)
		}
	}
}
