package main

import (
	"fmt"
	"testing"

	"github.com/jwtguard/jwtguard/internal/config"
)

// Whoever takes a line out of retired: or revoked: should learn that a restart
// brings the key back.
func TestOrdersThatAreGoneFromTheFile(t *testing.T) {
	parse := func(keys string) *config.Config {
		t.Helper()
		c, err := config.Parse("test", []byte("issuers:\n  - {name: corp, issuer: https://a.example, audiences: [api], keys: {"+keys+"}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	for _, tt := range []struct {
		before, after string
		want          []string
	}{
		{"retired: [{kid: a}]", "retired: [{kid: a}]", nil},
		{"retired: [{kid: a}]", "revoked: [{kid: a}]", nil},
		{"retired: [{kid: a}]", "retired: [{kid: b}]", []string{"corp retire a "}},
		{"revoked: [{kid: a}]", "retired: [{kid: a}]", []string{"corp revoke a "}},
		{"revoked: [{kid: a, thumbprint: " + thumbprint + "}], retired: [{kid: b}]", "", []string{"corp revoke a " + thumbprint, "corp retire b "}},
	} {
		var got []string
		for _, o := range lifted(parse(tt.before), parse(tt.after)) {
			got = append(got, fmt.Sprint(o.issuer, " ", o.Action, " ", o.Kid, " ", o.Thumbprint))
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s, then %s: %q, want %q", tt.before, tt.after, got, tt.want)
		}
	}
}
