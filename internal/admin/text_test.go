package admin

import (
	"strings"
	"testing"
	"time"
)

func TestTextsForPeople(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{span(-time.Hour), "0 s"},
		{span(2500 * time.Millisecond), "3 s"},
		{span(2 * time.Minute), "120 s"},
		{span(2*time.Minute + 1), "3 min"},
		{span(2*time.Hour + 1), "3 h"},
		{span(48*time.Hour + 1), "3 days"},
		{clock(noon.In(time.FixedZone("", 3600)), noon), "12:00:00Z"},
		{clock(noon.Add(12*time.Hour), noon), "2026-08-02T00:00:00Z"},
		{several(nil), "none"},
		{several([]string{"a", "b"}), "a, b"},
		{several(strings.Split("abcdefghijkl", "")), "a, b, c, d, e, f, g, h, i, j and 2 more"},
		{quote("a\nb"), `"a\nb"`},
		{quote(strings.Repeat("x", 257)), `"` + strings.Repeat("x", 256) + `"…`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s, want %s", tt.got, tt.want)
		}
	}
}
