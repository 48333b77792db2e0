package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// check runs the command on a file with the given text; FILE in what it prints
// stands for the file's path.
func check(t *testing.T, text string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jwtguard.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	status = runCheck(append([]string{"-c", file}, args...), nil, &out, &errs)
	return status, strings.ReplaceAll(out.String(), file, "FILE"), strings.ReplaceAll(errs.String(), file, "FILE")
}

func TestCheckTellsTheTrustWindows(t *testing.T) {
	status, stdout, stderr := check(t, `state_dir: /var/lib/jwtguard
issuers:
  - issuer: https://issuer.example.com
    audiences: [payments-api]
    max_lifetime: 1h
    keys: {grace: 1h, overlap: 1m}
`)
	want := `FILE: 1 issuer, 1 policy; 0 errors, 0 warnings

issuer issuer.example.com (https://issuer.example.com), keys from discovery, every 5m
  issuer withdraws a key, JWKS healthy   refused everywhere after at most 1h5m35s
  issuer withdraws a key, JWKS outage    refused everywhere after at most 5h0m5s
  a key is revoked here                  refused at once, by this guard
  a key is retired here                  refused 1h after the order, or after the grace that it names; by a line in retired: without at, at once
  publish a new key                      at least 16m35s before its first use
  keep the old key listed                at least 1m after its last use: needed 1h1m (token life + skew), have 1h1m (overlap 1m + grace)

A cache in front of the JWKS adds its max-age to every window: 0 was assumed; give it as --max-age.
Whoever reaches :9193 reads the names of issuers, keys and policies, and how much each is used (listen.metrics).
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
	if status != 0 || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// several has an error, and keys from everywhere.
const several = `issuers:
  - {name: short, issuer: "https://issuer.example.com", audiences: [a], max_lifetime: 1h, keys: {grace: 30m, overlap: 10m}}
  - {name: open, issuer: b, audiences: [a], jwks: {uri: "https://keys.example.com/jwks?secret=x"}}
  - {name: fixed, issuer: c, audiences: [a], max_lifetime: 5m, jwks: {inline: {keys: [{kty: OKP, crv: Ed25519, kid: one, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo}]}}}
  - {name: mounted, issuer: d, audiences: [a], max_lifetime: 5m, jwks: {file: /nowhere/jwks.json, interval: 1m}}
policies: {default: {issuers: ["*"]}, other: {issuers: [short]}}
`

func TestCheckRefusesWhatRefusesGoodTokens(t *testing.T) {
	status, stdout, stderr := check(t, several, "--max-age", "10m")
	want := `FILE: 4 issuers, 2 policies; 1 error, 3 warnings

FILE:2:105: error: issuer short: a withdrawn key is accepted for 40m (overlap 10m + grace 30m), but its tokens live for 1h1m (max_lifetime 1h + clock_skew 1m): good tokens are refused in every rotation
    to do: set keys.grace to 51m, or have the issuer list a key for 31m after its last use and say so in keys.overlap

FILE:1:1: warning: no state_dir: retirements and revocations that are not written in the configuration are forgotten at a restart
    to do: set state_dir to a directory that outlives restarts, or write what is out of service into keys.retired and keys.revoked (jwtguard keys list --retired -o config prints the lines)

FILE:3:5: warning: issuer open: no max_lifetime: a token may live for ever, and nobody can say when the last one of an old key is gone
    to do: set max_lifetime to the longest life that the issuer gives a token

FILE:5:79: warning: issuer mounted: "/nowhere/jwks.json" cannot be read: no such file or directory: the guard starts without it, and accepts no token of this issuer until it can
    to do: put the file there, unless it is mounted later, and let the guard's user read it

issuer short (https://issuer.example.com), keys from discovery, every 5m
  issuer withdraws a key, JWKS healthy   refused everywhere after at most 45m35s
  issuer withdraws a key, JWKS outage    refused everywhere after at most 4h40m5s
  a key is revoked here                  refused at once, by this guard
  a key is retired here                  refused 30m after the order, or after the grace that it names; by a line in retired: without at, at once
  publish a new key                      at least 26m35s before its first use
  keep the old key listed                at least 31m after its last use, TOO LITTLE NOW: needed 1h1m (token life + skew), have 40m (overlap 10m + grace)

issuer open (b), keys from https://keys.example.com/jwks, every 5m
  issuer withdraws a key, JWKS healthy   refused everywhere after at most 1h15m35s
  issuer withdraws a key, JWKS outage    refused everywhere after at most 5h10m5s
  a key is revoked here                  refused at once, by this guard
  a key is retired here                  refused 1h after the order, or after the grace that it names; by a line in retired: without at, at once
  publish a new key                      at least 26m35s before its first use
  keep the old key listed                not known: without max_lifetime nobody can say when its last token expires

issuer fixed (c), keys from this configuration
  a key is taken out of the file   refused at most 6m after the reload
  a key is revoked here            refused at once, by this guard
  a key is retired here            refused 6m after the order, or after the grace that it names; by a line in retired: without at, at once
  keep the old key listed          at least 0s after its last use: needed 6m (token life + skew), have 6m (overlap 0s + grace)

issuer mounted (d), keys from the file /nowhere/jwks.json, every 1m and when it changes
  issuer withdraws a key, JWKS healthy   refused everywhere after at most 17m11s
  issuer withdraws a key, JWKS outage    refused everywhere after at most 4h16m5s
  a key is revoked here                  refused at once, by this guard
  a key is retired here                  refused 6m after the order, or after the grace that it names; by a line in retired: without at, at once
  publish a new key                      at least 13m23s before its first use
  keep the old key listed                at least 0s after its last use: needed 6m (token life + skew), have 6m (overlap 0s + grace)

A cache in front of the JWKS adds its max-age to every window: 10m are in the figures (--max-age).
Whoever reaches :9193 reads the names of issuers, keys and policies, and how much each is used (listen.metrics).
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
	if status != 1 || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestCheckForMachines(t *testing.T) {
	status, stdout, stderr := check(t, several, "--json", "--max-age=10m")
	if status != 1 || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	findings := got["findings"].([]any)
	if len(findings) != 4 {
		t.Errorf("%d findings", len(findings))
	}
	got["findings"] = findings[:1]
	issuers := got["issuers"].([]any)
	if len(issuers) != 4 {
		t.Errorf("%d issuers", len(issuers))
	}
	got["issuers"] = []any{issuers[0], issuers[2]}
	want := map[string]any{
		"file": "FILE", "policies": 2.0, "errors": 1.0, "warnings": 3.0,
		"max_age_seconds": 600.0, "max_age_given": true,
		"findings": []any{map[string]any{
			"severity": "error", "rule": "grace_too_short", "issuer": "short", "line": 2.0, "column": 105.0,
			"message": "a withdrawn key is accepted for 40m (overlap 10m + grace 30m), but its tokens live for 1h1m (max_lifetime 1h + clock_skew 1m): good tokens are refused in every rotation",
			"remedy":  "set keys.grace to 51m, or have the issuer list a key for 31m after its last use and say so in keys.overlap",
		}},
		"issuers": []any{
			map[string]any{
				"name": "short", "issuer": "https://issuer.example.com", "source": "discovery",
				"withdrawn_healthy_seconds": 2735.0, "withdrawn_outage_seconds": 16805.0,
				"revoked_here_seconds": 0.0, "retired_here_seconds": 1800.0, "publish_ahead_seconds": 1595.0,
				"keep_listed_seconds": 1860.0, "keep_needed_seconds": 3660.0, "keep_actual_seconds": 2400.0,
			},
			map[string]any{
				"name": "fixed", "issuer": "c", "source": "inline",
				"withdrawn_healthy_seconds": 360.0, "withdrawn_outage_seconds": nil,
				"revoked_here_seconds": 0.0, "retired_here_seconds": 360.0, "publish_ahead_seconds": nil,
				"keep_listed_seconds": 0.0, "keep_needed_seconds": 360.0, "keep_actual_seconds": 360.0,
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckNamesEveryMistake(t *testing.T) {
	for _, args := range [][]string{nil, {"--json"}} {
		status, stdout, stderr := check(t, "issuers:\n  - issuer: https://issuer.example.com\n    clock_skew: 60\n", args...)
		want := `FILE:2:5: issuers[0]: audiences is missing: name whom the tokens are for (the aud claim), or write ["*"] to accept any
FILE:3:17: issuers[0].clock_skew: has no unit: write 60s (seconds), 60m or 60h
`
		if diff := cmp.Diff(want, stderr); diff != "" {
			t.Error(diff)
		}
		if status != 2 || stdout != "" {
			t.Errorf("status %d, stdout %q", status, stdout)
		}
	}
}

// Metrics are for scrapers of other machines, and so nothing to warn of; but where
// they answer is said.
func TestCheckSaysWhoReadsMetrics(t *testing.T) {
	const smallest = "issuers:\n  - {issuer: \"https://issuer.example.com\", audiences: [a]}\n"
	for listen, want := range map[string]string{
		"": "Whoever reaches :9193 reads the names of issuers", "listen: {metrics: \"10.0.0.1:1\"}\n": "Whoever reaches 10.0.0.1:1 reads",
		"listen: {metrics: \"127.0.0.1:9193\"}\n": "", "listen: {metrics: \"\"}\n": "", "listen: {metrics: \"unix:///run/m.sock\"}\n": "",
	} {
		status, stdout, _ := check(t, smallest+listen)
		if status != 0 || !strings.Contains(stdout, want) || strings.Contains(stdout, "Whoever reaches") != (want != "") {
			t.Errorf("%q: status %d, %s", listen, status, stdout)
		}
	}
}

// What serve would refuse, check refuses.
func TestCheckLooksAtInlineKeys(t *testing.T) {
	status, stdout, stderr := check(t, `issuers:
  - issuer: https://issuer.example.com
    audiences: [api]
    jwks: { inline: { keys: [{ kty: oct, kid: secret, k: AA }] } }
`)
	want := "FILE: issuers: issuer.example.com: jwks.inline: the key with kid \"secret\" cannot be used: symmetric\n"
	if diff := cmp.Diff(want, stderr); diff != "" {
		t.Error(diff)
	}
	if status != exitUsage || stdout != "" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
}

// What cannot be seen could show one issuer as another, or steer the terminal.
func TestCheckShowsWhatCannotBeSeen(t *testing.T) {
	const text = "issuers:\n  - {name: a, issuer: \"https://a\u202e.example\", audiences: [x], jwks: {file: \"/k\u202ey\U000e0001.json\"}}\n"
	file := filepath.Join(t.TempDir(), "\x1b[31m\n.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"-c", file}, []string{`\u001b[31m\n.yaml: 1 issuer`, `issuer a (https://a\u202e.example)`, `the file /k\u202ey\udb40\udc01.json`}},
		{[]string{"-c", file, "--json"}, []string{`\u001b[31m\n.yaml"`, `"issuer": "https://a\u202e.example"`}},
		{[]string{"-c", "/nonexistent/\x1b[31m"}, []string{`/nonexistent/\u001b[31m: cannot be read`}},
		{[]string{"-\x1b[31m"}, []string{`flag provided but not defined: -\u001b[31m`}},
	} {
		var both bytes.Buffer
		runCheck(tt.args, nil, &both, &both)
		for _, want := range tt.want {
			if !strings.Contains(both.String(), want) {
				t.Errorf("%q: %s, want %s", tt.args, both.String(), want)
			}
		}
		if strings.ContainsAny(both.String(), "\x1b\u202e\U000e0001") {
			t.Errorf("%q: %q", tt.args, both.String())
		}
	}
}

func TestCheckUsage(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{[]string{"-h"}, 0, checkUsage, ""},
		{[]string{"--help"}, 0, checkUsage, ""},
		{nil, 2, "", "jwtguard check: no configuration given: add -c FILE\n\n" + synopsis(checkUsage)},
		{[]string{"-c", "a", "b"}, 2, "", "jwtguard check: unexpected argument \"b\"\n\n" + synopsis(checkUsage)},
		{[]string{"-x"}, 2, "", "jwtguard check: flag provided but not defined: -x\n\n" + synopsis(checkUsage)},
		{[]string{"-c", "a", "--max-age", "-1s"}, 2, "", "jwtguard check: --max-age must be between 0 and 8760h\n\n" + synopsis(checkUsage)},
		{[]string{"-c", "a", "--max-age", "10"}, 2, "", "jwtguard check: invalid value \"10\" for flag -max-age: write a number and its unit, such as 10m\n\n" + synopsis(checkUsage)},
		{[]string{"-c", "a", "--max-age", "9000h"}, 2, "", "jwtguard check: --max-age must be between 0 and 8760h\n\n" + synopsis(checkUsage)},
		{[]string{"-c", "/nonexistent/jwtguard.yaml"}, 2, "", "/nonexistent/jwtguard.yaml: cannot be read: no such file or directory\n"},
	} {
		var stdout, stderr bytes.Buffer
		if status := runCheck(tt.args, nil, &stdout, &stderr); status != tt.status {
			t.Errorf("%q: status %d, want %d", tt.args, status, tt.status)
		}
		if diff := cmp.Diff(tt.stdout+"|"+tt.stderr, stdout.String()+"|"+stderr.String()); diff != "" {
			t.Errorf("%q: %s", tt.args, diff)
		}
	}
}

// closedPipe is a reader that has gone away.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestCheckIsNotDoneIfNobodyCouldReadIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jwtguard.yaml")
	if err := os.WriteFile(file, []byte(several), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-c", file}, {"-c", file, "--json"}} {
		var stderr bytes.Buffer
		if status := runCheck(args, nil, closedPipe{}, &stderr); status != 2 || stderr.String() != "jwtguard check: write the report: broken pipe\n" {
			t.Errorf("status %d, %q", status, stderr.String())
		}
	}
}
