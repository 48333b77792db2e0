package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWrapKeepsToItsColumns(t *testing.T) {
	var b strings.Builder
	b.WriteString("label  ")
	wrap(&b, 7, strings.Repeat("word ", 25)+strings.Repeat("x", 120)+"  two  spaces\nREFUSED \x1b[2J")
	want := "label  " + strings.TrimSpace(strings.Repeat("word ", 20)) + "\n" +
		"       word word word word word\n" +
		"       " + strings.Repeat("x", 120) + "\n" +
		"        two  spaces\\nREFUSED \\u001b[2J\n"
	if b.String() != want {
		t.Errorf("%swant\n%s", b.String(), want)
	}
}

func TestEscapeIsJSONs(t *testing.T) {
	for text, want := range map[string]string{
		"plain, bücher\n": "plain, bücher\n",
		"\x1b\x7f":        `\u001b\u007f`,
		"\u009b\u202e":    `\u009b\u202e`,
		"\U000E0001":      `\udb40\udc01`,
		"\xff":            "\ufffd",
	} {
		if got := escape(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Who calls a command wrong sees the complaint, and how to call it, at a glance.
func TestWrongUsageIsShort(t *testing.T) {
	for command, want := range map[string]string{
		"version 2": "jwtguard version: unexpected argument \"2\"\n\nUsage: jwtguard version\n--help tells more.\n",
		"keys retire a": "jwtguard keys retire: no KID given: the key's kid, or - with --thumbprint T\n\n" +
			"Usage: jwtguard keys retire --reason TEXT ISSUER KID (-c FILE | --admin URL)\n" +
			"                            [--grace D] [--force] [--unseen] [--thumbprint T] [--json]\n--help tells more.\n",
		"evidence verify": "jwtguard evidence verify: no export given: name the files that jwtguard evidence export wrote\n\n" +
			"Usage: jwtguard evidence verify [--guards A,B…] [--head HASH]… [--json] FILE…\n--help tells more.\n",
	} {
		var out, errs bytes.Buffer
		if status := run(strings.Fields(command), strings.NewReader(""), &out, &errs); status != exitUsage || errs.String() != want || out.Len() > 0 {
			t.Errorf("%s: %d, %q", command, status, errs.String())
		}
	}
}
