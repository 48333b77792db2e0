package authz

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// The same request gets the same answer in both forms in which Envoy tells of headers.
// Where lines of one name were joined, that may make a credential doubtful, and so the
// answer stricter, never the other way round.
func FuzzForms(f *testing.F) {
	for _, request := range [][2]string{
		{"/?t=" + good, "authorization: Basic x\nx-request-id: 1"},
		{"/a?b", "authorization: Bearer " + good},
		{"/", "authorization: Bearer " + good + "\nauthorization: \nx-sub: forged"},
		{"/", "cookie: a=1\ncookie: s=" + good}, {"/", "cookie: a=1; s=" + good + "; b=2\nx_sub: forged"},
		{"/?t=x&t=" + good, "x-token: " + good}, {"/", "x-token: " + good + ",\nX-Token: bearer a"}, {"/", "authorization: Digest a=1, b=2"},
		{"/", "cookie: s=\"" + good + "\",s=x\nauthorization: bearer\t" + good},
	} {
		f.Add(request[0], request[1])
	}
	policies := []*verify.Policy{
		{Name: verify.DefaultPolicy, Token: verify.TokenSource{Header: "authorization", Query: "t", Cookie: "s"}, ClaimHeaders: []verify.ClaimHeader{{Claim: "alice", Header: "x-sub"}}},
		{Name: "own", Token: verify.TokenSource{Header: "x-token"}, AllowMissing: true, PayloadHeader: "x-jwt"},
	}
	s := newServer(f, Config{Decider: &fake{policies: policies}})
	f.Fuzz(func(t *testing.T, path, text string) {
		if strings.ContainsFunc(path+text, func(c rune) bool { return c >= 0x7f || c < ' ' && c != '\n' && c != '\t' }) {
			return // HTTP has no such lines, and of other bytes Envoy shows the one form changed
		}
		headers := map[string]string{}
		var lines []string
		again := false
		for line := range strings.Lines(text) {
			name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), ": ")
			if name = strings.ToLower(name); !ok || !isHeaderName(name) {
				continue
			}
			lines = append(lines, name+": "+value)
			if before, is := headers[name]; is {
				value, again = before+","+value, true
			}
			headers[name] = value
		}
		for _, p := range policies {
			ask := func(many bool) answer {
				req := joined(path, headers)
				if many {
					req = raw(path, lines...)
				}
				return askServer(t, s, route(req, map[string]string{"jwtguard.policy": p.Name}))
			}
			one, many := ask(false), ask(true)
			if !again && !cmp.Equal(one, many, cmp.AllowUnexported(answer{})) {
				t.Fatalf("%q %q: %+v, and line by line %+v", path, lines, one, many)
			}
			if one.reason() == "ok" && many.reason() != "ok" || one.reason() == "missing_allowed" && many.reason() != "missing_allowed" {
				t.Fatalf("%q %q: joined %s, and line by line %s", path, lines, one.reason(), many.reason())
			}
		}
	})
}

// A parameter or cookie that we find, or do not find, net/http and net/url find, or do
// not; and once it is taken out they find all else as it was, in its order.
func FuzzPairs(f *testing.F) {
	for _, text := range []string{
		"t=1", "a=1&t=" + good + "&b", "t", "t=&t=", "%74=1&T=2", "a;t=1", "a=%zz&t=+%2b", "&&t=1&&", "a=1; t=2; b=\"3\"", "t=1, t=2", " t = 1 ;t", "t==;=t",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if values, err := url.ParseQuery(text); err == nil {
			value, n := parameters.find(text, "t")
			if n != len(values["t"]) || n == 1 && unescape(value) != values.Get("t") {
				t.Fatalf("the query %q: %d, %q; to net/url it is %q", text, n, value, values["t"])
			}
			rest, _ := parameters.without(text, "t")
			left, err := url.ParseQuery(rest)
			if delete(values, "t"); err != nil || !cmp.Equal(map[string][]string(values), map[string][]string(left)) {
				t.Fatalf("%q is left of the query %q", rest, text)
			}
		}
		if _, n := parameters.find(first(parameters.without(text, "t")), "t"); n > 0 {
			t.Fatalf("the query %q: some are left", text)
		}
		if _, n := cookies.find(first(cookies.without(text, "t")), "t"); n > 0 {
			t.Fatalf("the cookies %q: some are left", text)
		}
		if strings.ContainsFunc(text, func(c rune) bool { return c == ',' || c < ' ' && c != '\t' }) {
			return // no cookie has a comma, to a reader that is right, and no header a line's end
		}
		theirs, err := http.ParseCookie(text)
		if err != nil {
			return
		}
		value, n := cookies.find(text, "t")
		mine := slices.DeleteFunc(slices.Clone(theirs), func(c *http.Cookie) bool { return c.Name != "t" })
		if n != len(mine) || n == 1 && trim(unquote(trim(value))) != trim(mine[0].Value) {
			t.Fatalf("the cookies %q: %d, %q; to net/http they are %v", text, n, value, mine)
		}
		rest, kept := cookies.without(text, "t")
		left, err := http.ParseCookie(rest)
		want := slices.DeleteFunc(theirs, func(c *http.Cookie) bool { return c.Name == "t" })
		if kept > 0 && len(want) > 0 && (err != nil || !cmp.Equal(want, left)) {
			t.Fatalf("%q is left of the cookies %q: %v", rest, text, err)
		}
	})
}

func first(s string, _ int) string { return s }
