package admin

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// What a change may not say, and what the answer says about it.
func TestBodiesAreStrict(t *testing.T) {
	const grace = "is no duration: "
	for _, tt := range []struct{ name, body, want string }{
		{"empty", " \n", `the body is empty: send at least {"reason": "…"}`},
		{"no JSON", "reason=x", "the body is not JSON at byte 0"},
		{"cut off", `{"reason": "x"`, "the body is not JSON"},
		{"cut off before a value", `{"reason":`, "the body is not JSON"},
		{"an array", `["x"]`, `the body must be a JSON object, such as {"reason": "…"}, not an array`},
		{"null", `null`, "not null"},
		{"true", `true`, "not a boolean"},
		{"an unknown member", `{"reason": "x", "froce": true}`, `the member "froce" is not known; there are: reason, grace, force, thumbprint, unseen`},
		{"another case", `{"Reason": "x"}`, `the member "Reason" is not known`},
		{"a member twice", `{"reason": "x", "force": false, "force": true}`, `the member "force" stands twice`},
		{"a member twice, escaped", `{"reason": "x", "force": false, "\u0066orce": true}`, `the member "force" stands twice`},
		{"a number for a string", `{"reason": 5}`, `the member "reason" must be a string, not a number`},
		{"null for a string", `{"reason": null}`, `the member "reason" must be a string, not null`},
		{"a string for a boolean", `{"reason": "x", "force": "false"}`, `the member "force" must be true or false, not a string`},
		{"an object for a boolean", `{"reason": "x", "unseen": {}}`, `the member "unseen" must be true or false, not an object`},
		{"seconds for a duration", `{"reason": "x", "grace": 60}`, `the member "grace" must be a string, not a number`},
		{"a duration without a unit", `{"reason": "x", "grace": "60"}`, `grace is no duration: "60"; write a number and its unit, such as 30s, 5m or 1h30m`},
		{"a duration in days", `{"reason": "x", "grace": "1d"}`, grace},
		{"an empty duration", `{"reason": "x", "grace": ""}`, grace},
		{"a negative duration", `{"reason": "x", "grace": "-1s"}`, "grace must be between 0s and 87600h, not -1s"},
		{"a duration without an end", `{"reason": "x", "grace": "87600h1s"}`, "grace must be between"},
		{"more after it", `{"reason": "x"} {}`, "there is more after the JSON object, from byte 15 on"},
		{"a comma after it", `{"reason": "x"},`, "there is more after the JSON object"},
		{"bytes that are no UTF-8", "{\"reason\": \"\xff\"}", "the body is not JSON at byte"},
		{"no reason", `{}`, "reason is missing: say why, for whoever reads the ledger"},
		{"a blank reason", `{"reason": "  "}`, "reason is missing"},
		{"a reason of two lines", `{"reason": "a\nb"}`, "reason must be one line of at most 500 bytes of printable characters"},
		{"a reason that is turned round", `{"reason": "a\u202eb"}`, "reason must be one line"},
		{"a long reason", fmt.Sprintf(`{"reason": %q}`, strings.Repeat("x", 501)), "reason must be one line of at most 500 bytes"},
		{"an empty thumbprint", `{"reason": "x", "thumbprint": ""}`, "thumbprint is empty"},
		{"a short thumbprint", `{"reason": "x", "thumbprint": "abc"}`, `"abc" is no thumbprint: write the 43 base64url characters`},
		{"a thumbprint in two lines", fmt.Sprintf(`{"reason": "x", "thumbprint": "%s\n"}`, strange), "is no thumbprint"},
		{"a thumbprint in base64", fmt.Sprintf(`{"reason": "x", "thumbprint": "%s+"}`, strange[1:]), "is no thumbprint"},
		{"a thumbprint with stray bits", fmt.Sprintf(`{"reason": "x", "thumbprint": "%sB"}`, strange[1:]), "is no thumbprint"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, corp(t, "old", "new"))
			if a := w.order(t, "corp/old/retire", tt.body); a.Status != 400 && tt.body != "" || !strings.Contains(a.Detail, tt.want) {
				t.Errorf("%d %q, want %q", a.Status, a.Detail, tt.want)
			}
			if seen := w.seen(); len(w.orders) > 0 || len(seen) != 1 || seen[0].Reason != BadRequest {
				t.Errorf("orders %v, recorded %+v", w.orders, seen)
			}
		})
	}
}

// The longest parts that are taken.
func TestBodiesAtTheirLimits(t *testing.T) {
	for _, body := range []string{
		fmt.Sprintf(`{"reason": %q}`, strings.Repeat("x", 500)),
		`{"reason": "größer"}`,
		`{"reason": "x", "grace": "0"}`,
		`{"reason": "x", "grace": "87600h"}`,
		`{"reason": "x", "force": false, "unseen": false, "thumbprint": "` + keyOf("old").Thumbprint() + `"}`,
		`{"reason": "x"}` + strings.Repeat(" ", maxBody-15),
	} {
		w := newWorld(t, corp(t, "old", "new"))
		if a := w.order(t, "corp/old/retire", body); a.Status != 200 {
			t.Errorf("%.80s: %d %s", body, a.Status, a.Detail)
		}
	}
}

func TestBodiesThatAreNotJSONOrTooLarge(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	for media, status := range map[string]int{
		"":                                  415,
		"text/plain":                        415, // a page of another site could send this
		"application/x-www-form-urlencoded": 415,
		"application/json; charset=":        415,
		"application/json; charset=utf-8":   200,
	} {
		r := request("POST", "/api/v1/keys/corp/old/retire", `{"reason": "x"}`)
		r.Header.Set("Content-Type", media)
		if a := w.do(t, r); a.Status != status {
			t.Errorf("%q: %d %s", media, a.Status, a.Detail)
		}
	}
	w = newWorld(t, corp(t, "old", "new"))
	a := w.order(t, "corp/old/retire", `{"reason": "x"}`+strings.Repeat(" ", maxBody))
	if a.Status != 413 || a.Detail != "the body must be at most 16384 bytes long" || len(w.orders) > 0 {
		t.Errorf("%+v", a)
	}
}

// A body that ends with its connection is no body.
func TestBodiesThatDoNotArrive(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	r := request("POST", "/api/v1/keys/corp/old/retire", because)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(because), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if a := w.do(t, r); a.Status != 400 || a.Detail != "the body did not arrive: unexpected EOF" || len(w.orders) > 0 {
		t.Errorf("%+v", a)
	}
}

// What is wrong in a path is told before any key is looked for.
func TestPathsOfOrders(t *testing.T) {
	for _, tt := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"other/old/retire", `{"reason": "x"}`, 404, `no issuer has the name "other"; there are: corp`},
		{"corp/-/retire", `{"reason": "x"}`, 400, "- for the kid means by thumbprint: say which"},
		{"corp/" + strings.Repeat("k", 257) + "/retire", `{"reason": "x", "unseen": true}`, 400, "a kid has at most 256 bytes of printable characters"},
		{"corp/a%0Ab/retire", `{"reason": "x", "unseen": true}`, 400, "a kid has at most 256 bytes"},
		{"corp/a%FFb/retire", `{"reason": "x", "unseen": true}`, 400, "a kid has at most 256 bytes"},
		{"corp/old/revoke", `{"reason": "x", "grace": "1h"}`, 400, "grace is for retire alone: revoke takes effect at once"},
		{"corp/old/reinstate", `{"reason": "x", "grace": "0s"}`, 400, "grace is for retire alone"},
		{"corp/old/destroy", `{"reason": "x"}`, 404, "there is nothing here"},
		{"corp/%2E%2E/retire", `{"reason": "x", "unseen": true}`, 200, "out of service"},
		{"corp/a%2Fretire/retire", `{"reason": "x", "unseen": true}`, 200, "out of service"},
		{"corp/" + strings.Repeat("k", 256) + "/retire", `{"reason": "x", "unseen": true}`, 200, "out of service"},
	} {
		w := newWorld(t, corp(t, "old", "new"))
		if a := w.order(t, tt.path, tt.body); a.Status != tt.status || !strings.Contains(a.Detail, tt.want) {
			t.Errorf("%.40s: %d %s", tt.path, a.Status, a.Detail)
		}
	}
}
