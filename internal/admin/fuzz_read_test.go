package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Whatever is asked for by whomever, by whatever method: nothing panics, nothing is
// ordered without a body and a token, a page of another site is shown nothing, and
// what comes back is JSON, by its status a problem or not.
func FuzzShow(f *testing.F) {
	for _, path := range []string{
		"/api/v1/keys", "/api/v1/keys/corp/old", "/api/v1/keys/corp/-?thumbprint=" + strange, "/api/v1/keys/corp/%2F%ff",
		"/api/v1/keys/%63orp/old/retire", "/api/v1/keys//old", "/api/v1/../v1/keys", "/api/v1/evidence?from=2026-08-01&to=2026-07-01",
		"/api/v1/issuers/corp/refresh", "/", "/healthz", "/readyz?verbose", "//", "/api/v1/keys?x=%zz;",
	} {
		f.Add("GET", path, "127.0.0.1:9192", "", "")
		f.Add("POST", path, "localhost", "http://localhost", "same-origin")
	}
	f.Add("HEAD", "/api/v1/keys", "evil.test", "", "none")
	f.Add("OPTIONS", "/api/v1/keys/corp/old", "[::1]:9192", "null", "cross-site")
	f.Add("get", "/api/v1/keys", "localhost.", "http://localhost.", "")
	f.Fuzz(func(t *testing.T, method, path, host, origin, site string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Path == "/api/v1/events" || path == "*" {
			return // a stream, of which FuzzEvents is; what net/http answers itself
		}
		base := corp(t, "old", "new")
		w := newWorld(t, base)
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL, r.Host, r.RequestURI = method, u, host, path
		for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		if len(w.orders) > 0 {
			t.Fatalf("ordered: %+v", w.orders)
		}
		kind := rec.Header().Get("Content-Type")
		if rec.Code < 300 && kind == problemType || rec.Code >= 400 && kind != problemType && u.Path != "/readyz" || rec.Code >= 500 && u.Path != "/readyz" {
			t.Errorf("%d as %q", rec.Code, kind)
		}
		if h := rec.Header(); h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%d may be kept or taken for something else: %v", rec.Code, h)
		}
		if kind == jsonType || kind == problemType {
			var v any
			if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil && method != "HEAD" {
				t.Errorf("%v: %s", err, rec.Body)
			}
		}
		foreign := !slices.Contains([]string{"", "same-origin", "none"}, site) || origin != "" && !strings.EqualFold(origin, "http://"+host)
		if foreign && strings.Contains(rec.Body.String(), base.Set.Keys()[0].Thumbprint) {
			t.Errorf("shown to a page of %q, %q: %s", origin, site, rec.Body)
		}
	})
}

// What a change's body is taken for, another reader of JSON takes it for, too, which
// ignores nothing and knows no other case of names.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"reason":"x"}`, `{"reason":"x","grace":"1h","force":true,"unseen":false,"thumbprint":"` + strange + `"}`,
		`{"Reason":"x"}`, `{"reason":"x","reason":"y"}`, `{"reason":"\ud800"}`, `{"reason":"x"} {}`, `{"reason":"x"}` + "\n", ` {"reason":null}`,
		`{"grace":"-1s"}`, `{"grace":"9999999h"}`, `{"grace":"1h30m0.5s"}`, `{"force":"true"}`, `[]`, `"reason"`, `{`, "\xef\xbb\xbf{}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		got, p := readBody(httptest.NewRecorder(), r)
		if p != nil {
			if p.Status < 400 || p.Status >= 500 || p.Detail == "" || !printable(p.Detail) {
				t.Fatalf("%q is refused by %+v", body, p)
			}
			return
		}
		var want struct {
			Reason     string `json:"reason"`
			Thumbprint string `json:"thumbprint"`
			Grace      string `json:"grace"`
			Force      bool   `json:"force"`
			Unseen     bool   `json:"unseen"`
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil || len(body) > maxBody {
			t.Fatalf("%q is taken, and not by encoding/json: %v", body, err)
		}
		if _, err := d.Token(); err != io.EOF {
			t.Fatalf("%q is taken, and there is more in it: %v", body, err)
		}
		grace, err := time.ParseDuration(want.Grace)
		if got.Reason != want.Reason || got.Thumbprint != want.Thumbprint || got.Force != want.Force || got.Unseen != want.Unseen ||
			(got.Grace == nil) != (err != nil) || got.Grace != nil && (*got.Grace != grace || grace < 0) {
			t.Fatalf("%q is %+v, and %+v to encoding/json", body, got, want)
		}
		o := keyset.Order{Kid: "k", Reason: got.Reason, Thumbprint: got.Thumbprint}
		if check(&o) == nil && (strings.TrimSpace(o.Reason) == "" || strings.ContainsAny(o.Reason, "\r\n\x00\u2028")) {
			t.Fatalf("the reason %q passes", o.Reason)
		}
	})
}

// A question for evidence that is taken says the same when it is written anew.
func FuzzExportQuery(f *testing.F) {
	for _, query := range []string{
		"", "from=2026-08-01&to=2026-08-02T10:00:00Z&format=json", "from=2026-08-01T10:00:00%2B02:00", "format=markdown", "format=", "to=2026-08-01&to=",
		"from=2026-08-02&to=2026-08-01", "%66rom=2026-08-01", "from=2026-8-1", "a=b", "from=2026-08-01;to=x", "from=9999-12-31T23:59:59.9Z&to=9999-12-31", "%",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, p := readExportQuery(query)
		if p != nil {
			if p.Status != http.StatusBadRequest || p.Detail == "" || !printable(p.Detail) {
				t.Fatalf("%q is refused by %+v", query, p)
			}
			return
		}
		if q.format.write == nil || !q.to.IsZero() && q.to.Before(q.from) {
			t.Fatalf("%q is %+v", query, q)
		}
		values := url.Values{"format": {q.format.name}}
		for name, at := range map[string]time.Time{"from": q.from, "to": q.to} {
			if !at.IsZero() {
				values.Set(name, at.Format(time.RFC3339Nano))
			}
		}
		again, p := readExportQuery(values.Encode())
		if p != nil || !again.from.Equal(q.from) || !again.to.Equal(q.to) || again.format.name != q.format.name {
			t.Fatalf("%q is %+v, and written anew %+v, %+v", query, q, again, p)
		}
	})
}
