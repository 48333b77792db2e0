package main

import (
	"strings"
	"testing"
	"unicode"
)

// Whatever the bytes: no panic, the same answer twice, and what is printed is a
// configuration that check has nothing against, with nothing in it that steers a
// terminal.
func FuzzFromEnvoy(f *testing.F) {
	addFiles(f, "testdata/adopt/*")
	for _, text := range []string{
		plainFilter,
		inFilter("max_lifetime: {seconds: 1}, subjects: {exact: me}, forward_payload_header: x-p, claim_to_headers: [{header_name: x-a, claim_name: a}]"),
		withKeys(`local_jwks: {inline_string: '{"keys": [` + jwks(`, "kid": "one"`) + `]}'}`),
		requires(`{requires_any: {requirements: [{provider_and_audiences: {provider_name: a, audiences: [y]}}, {requires_all: {requirements: [{provider_name: b}]}}, {allow_missing: {}}]}}`),
		istioRule(`jwks_uri: "http://a.example/k", fromHeaders: [{name: x-jwt, prefix: "Bearer "}], fromParams: [t], fromCookies: [c]`),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		status, stdout, stderr := fromEnvoy(t, string(data))
		if status == exitUsage {
			if stdout != "" || stderr == "" || strings.Contains(stderr, "what it becomes is no configuration") {
				t.Fatalf("status %d: %q %q", status, stdout, stderr)
			}
			return
		}
		if strings.ContainsFunc(stdout+stderr, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Fatalf("%q %q", stdout, stderr)
		}
		accepted(t, stdout)
		if again, same, _ := fromEnvoy(t, string(data)); again != status || same != stdout {
			t.Fatalf("%q, then %q", stdout, same)
		}
	})
}
