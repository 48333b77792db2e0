package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// command runs a command in this process, with something on its standard input. What
// it prints must not steer a terminal.
func command(t testing.TB, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(stdin), &out, &errs)
	if strings.ContainsFunc(out.String()+errs.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Fatalf("%q: %q %q", args, out.String(), errs.String())
	}
	return status, out.String(), errs.String()
}

// addFiles has the files of a pattern, of which there are some, as seeds.
func addFiles(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
}

// Whatever stands in the file, check says the same for people and for machines: each
// mistake at its place, or a report without a failing part.
func FuzzCheckFile(f *testing.F) {
	addFiles(f, "../../internal/config/testdata/mistakes/*.yaml")
	for _, text := range []string{
		"issuers: [{issuer: \"https://issuer.example.com\", audiences: [a]}]",
		"issuers: [{issuer: a, audiences: [a], jwks: {inline: {keys: []}}, keys: {revoked: [{kid: \"\u202e\"}]}}]\nstate_dir: /nowhere",
		"issuers: [{issuer: \"a\u202eb\", name: b, audiences: [\"*\"], max_lifetime: 87600h, clock_skew: 24h, jwks: {file: \"/nowhere/\u200b\", interval: 87600h, timeout: 1ns, max_stale: 87600h}, keys: {grace: 87600h, overlap: 87600h, removal_confirm: 87600h}}]",
	} {
		f.Add([]byte(text))
	}
	file := filepath.Join(f.TempDir(), "jwtguard.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := command(t, "", "check", "-c", file)
		again, asJSON, sameErrors := command(t, "", "check", "-c", file, "--json")
		if status != again || stderr != sameErrors {
			t.Fatalf("%d %q for people, %d %q for machines", status, stderr, again, sameErrors)
		}
		if status == exitUsage {
			for line := range strings.Lines(stderr) {
				if !strings.HasPrefix(line, file+":") {
					t.Fatalf("without a place: %q", line)
				}
			}
			if stdout+asJSON != "" || stderr == "" {
				t.Fatalf("%q %q %q", stdout, asJSON, stderr)
			}
			return
		}
		var r struct {
			Errors, Warnings int
			Findings         []struct{ Severity, Message, Remedy string }
			Issuers          []map[string]any
		}
		if err := json.Unmarshal([]byte(asJSON), &r); err != nil || (status == exitNo) != (r.Errors > 0) || len(r.Findings) != r.Errors+r.Warnings {
			t.Fatalf("status %d, %v: %s", status, err, asJSON)
		}
		for _, issuer := range r.Issuers {
			for name, value := range issuer {
				if n, is := value.(float64); is && n < 0 {
					t.Fatalf("%s is %v: %s", name, n, asJSON)
				}
			}
		}
	})
}

// Whatever token is explained, the answer is the same for people and for machines, it
// never shows the signature, and only what was signed as it is is accepted.
func FuzzExplain(f *testing.F) {
	key := devissuer.SharedKey("2026-11", "ES256")
	file := filepath.Join(f.TempDir(), "jwtguard.yaml")
	text := "listen: {admin: \"\"}\nissuers: [{issuer: corp, audiences: [api], jwks: {inline: " + string(devissuer.Document(key.JWK())) + "}}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
	const header, claims = `{"alg":"ES256","kid":"2026-11","typ":"JWT"}`, `{"iss":"corp","aud":"api","exp":1793534400,"iat":1793533000}`
	f.Add("Bearer ", header, claims, uint(0), byte(0))
	f.Add("authorization: bearer  ", header, claims, uint(700), byte(1))
	f.Add("\n", header, strings.Replace(claims, `"api"`, `["\u202e\u0007","api"]`, 1), uint(3), byte(0))
	f.Add("", strings.Replace(header, "2026-11", `\u001b[31m`, 1), claims, uint(3), byte(0))
	f.Add("", header, strings.Replace(claims, "corp", "\u2066corp", 1), uint(3), byte(0))
	f.Add("a.b.c", `{"alg":"none"}`, `{}`, uint(3), byte(0x80))
	f.Fuzz(func(t *testing.T, before, header, claims string, at uint, flip byte) {
		good := key.Raw([]byte(header), []byte(claims))
		token := []byte(good)
		token[at%uint(len(token))] ^= flip
		args := []string{"explain", "-c", file, "--at", "2026-11-01T11:55:00Z"}
		status, stdout, stderr := command(t, before+string(token), args...)
		again, asJSON, sameErrors := command(t, before+string(token), append(args, "--json")...)
		if status != again || stderr != sameErrors || (status == exitUsage) != (stdout+asJSON == "") {
			t.Fatalf("%d %q %q for people, %d %q %q for machines", status, stdout, stderr, again, asJSON, sameErrors)
		}
		signature := good[strings.LastIndexByte(good, '.')+1:]
		for _, part := range []string{signature[:20], signature[len(signature)-20:]} {
			if strings.Contains(stdout+asJSON+stderr, part) {
				t.Fatalf("the signature is shown: %s%s%s", stdout, asJSON, stderr)
			}
		}
		if status == exitUsage {
			return
		}
		var e explanation
		if err := json.Unmarshal([]byte(asJSON), &e); err != nil {
			t.Fatalf("%v: %s", err, asJSON)
		}
		if accepted := e.Reason == "ok" && e.Decision == "allow"; accepted != (status == exitDone) || accepted && string(token) != good {
			t.Fatalf("status %d, %s: %q", status, e.Reason, token)
		}
	})
}
