package authz

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// stripped asks under a policy that keeps the token from the upstream.
func stripped(t *testing.T, source verify.TokenSource, shadow bool, path string, lines ...string) answer {
	t.Helper()
	source.Forward = false
	p := &verify.Policy{Token: source, Shadow: shadow}
	return ask(t, p, raw(path, lines...))
}

func TestTokenIsCutOutOfTheQuery(t *testing.T) {
	for _, tc := range []struct{ path, want string }{
		{"/?t=" + good, "/"},
		{"?t=" + good, ""},
		{"/a?t=" + good + "&z=1&b&c=", "/a?z=1&b&c="},
		{"/a?z=1&t=" + good + "&b&c=", "/a?z=1&b&c="},
		{"/a?z=1&&%74=" + good, "/a?z=1&"},
		{"/?&t=" + good, "/?"},
		{"/?sig=%2f+%2F;x=1&t=" + good + "&u=a?b=/../c//%", "/?sig=%2f+%2F;x=1&u=a?b=/../c//%"},
		{"/é?t=" + good + "&ü", "/é?ü"},
		{"/\xff?t=" + good + "&a=\xfe ~", "/%FF?a=%FE%20~"}, // cannot be written back as it is
	} {
		for path, form := range map[string][]string{tc.path: nil, "/ignored?t=x": {":path: " + tc.path}} {
			got := stripped(t, verify.TokenSource{Query: "t"}, false, path, form...)
			if value, ok := got.headers[":path"]; got.reason() != "ok" || !ok || value != tc.want {
				t.Errorf("%q: %s, :path %q, want %q", tc.path, got.reason(), value, tc.want)
			}
		}
	}
}

func TestTokenIsCutOutOfTheCookies(t *testing.T) {
	for _, tc := range []struct {
		lines []string
		want  string // "-": the whole header is removed
	}{
		{[]string{"s=" + good}, "-"},
		{[]string{"s=" + good + "; "}, "-"},
		{[]string{`a=1; s="` + good + `"; b="x y"`}, `a=1; b="x y"`},
		{[]string{"s=" + good + "; b=2;c=3"}, "b=2;c=3"},
		{[]string{"a=1; b=2; s=" + good}, "a=1; b=2"},
		{[]string{"a=x,y;s=" + good + ";\tb=2"}, "a=x,y;\tb=2"},
		{[]string{"a=1", "s=" + good, "b=2"}, "a=1; b=2"},
		{[]string{"a=é; s=" + good}, "a=é"},
		{[]string{"a=\xff; s=" + good}, "-"}, // Envoy ignores raw_value in answers
		{[]string{"a=\x01; s=" + good}, "-"},
		{[]string{"a=\x7f; s=" + good}, "-"},
	} {
		var lines []string
		for _, line := range tc.lines {
			lines = append(lines, "cookie: "+line)
		}
		got := stripped(t, verify.TokenSource{Cookie: "s"}, false, "/", lines...)
		value, set := got.headers["cookie"]
		removed := slices.Contains(got.removed, "cookie")
		if tc.want == "-" && (set || !removed) || tc.want != "-" && (!set || value != tc.want) || got.reason() != "ok" {
			t.Errorf("%q: %s, set %q, removed %t, want %q", tc.lines, got.reason(), value, removed, tc.want)
		}
	}
}

func TestTokenIsRemovedFromItsHeader(t *testing.T) {
	for source, line := range map[string]string{"authorization": "authorization: Bearer " + good, "x-token": "X-Token: " + good} {
		got := stripped(t, verify.TokenSource{Header: source}, false, "/", line)
		if diff := cmp.Diff([]string{source}, got.removed); diff != "" || !got.passes {
			t.Error(diff)
		}
	}
	// The credential of another scheme is not the token.
	got := stripped(t, verify.TokenSource{Header: "authorization", Cookie: "s"}, false, "/", "authorization: Basic eDp5", "cookie: s="+good)
	if diff := cmp.Diff([]string{"cookie"}, got.removed); diff != "" || !got.passes {
		t.Error(diff)
	}
}

// TestBadTokensAreRemovedToo: where a policy keeps tokens from the upstream, its
// shadow mode does so as well, whatever the token is worth.
func TestBadTokensAreRemovedToo(t *testing.T) {
	source := verify.TokenSource{Header: "authorization", Query: "t", Cookie: "s"}
	got := stripped(t, source, true, "/?t=x&a&%74=y;t=z;b&t", "authorization: Basic a,Bearer b", "cookie: a=1,s=x; s=y,b=2", "cookie: s")
	want := answer{passes: true, headers: map[string]string{":path": "/?a;b", "cookie": "a=1,b=2"}, removed: []string{"authorization"}}
	got.meta = nil
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = stripped(t, source, true, "/?a", "authorization: Basic a", "cookie: a=1")
	if len(got.headers) != 0 || len(got.removed) != 0 {
		t.Errorf("nothing to remove, but: %+v", got)
	}
	got = stripped(t, source, true, "/?a&t=x", slices.Repeat([]string{"x: y"}, maxHeaders+1)...)
	if got.reason() != "overloaded" || got.headers[":path"] != "/?a" || strings.Join(got.removed, " ") != "authorization cookie" {
		t.Errorf("not looked at: %+v", got)
	}
}

func TestForwardedTokensAreLeftAlone(t *testing.T) {
	p := &verify.Policy{Token: verify.TokenSource{Header: "authorization", Query: "t", Cookie: "s", Forward: true}}
	for _, req := range [][]string{{"/?t=" + good}, {"/", "cookie: s=" + good}, {"/", "authorization: Bearer " + good}} {
		got := ask(t, p, raw(req[0], req[1:]...))
		if !got.passes || len(got.headers) != 0 || len(got.removed) != 0 {
			t.Errorf("%v: %+v", req, got)
		}
	}
}

// TestTokenHeaderThatIsAlsoSet: Envoy removes last, so that a header both set and
// removed would be lost.
func TestTokenHeaderThatIsAlsoSet(t *testing.T) {
	p := &verify.Policy{
		Token:        verify.TokenSource{Header: "x-token"},
		ClaimHeaders: []verify.ClaimHeader{{Claim: "alice", Header: "x-token"}},
	}
	got := ask(t, p, raw("/", "x-token: "+good))
	if diff := cmp.Diff(answer{headers: map[string]string{"x-token": "alice"}, removed: []string{"x_token"}}, answer{headers: got.headers, removed: got.removed}, cmp.AllowUnexported(answer{})); diff != "" {
		t.Error(diff)
	}
}
