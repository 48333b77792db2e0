package main

import (
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
