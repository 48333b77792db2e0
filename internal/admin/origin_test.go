package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A page of another site, which has a browser on this machine ask, gets nothing
// from under /api, whatever name of its own leads here.
func TestForeignPagesAreShownNothing(t *testing.T) {
	for _, tt := range []struct {
		name, host string
		header     http.Header
		reason     Reason // empty: let through
	}{
		{"an address", "127.0.0.1:9192", nil, ""},
		{"an address without a port", "192.0.2.7", nil, ""},
		{"an IPv6 address", "[::1]:9192", nil, ""},
		{"an IPv6 address without a port", "[::1]", nil, ""},
		{"localhost", "LocalHost:9192", nil, ""},
		{"the configured name", "Guard.internal:9192", nil, ""},
		{"a name that leads here", "rebound.test:9192", nil, ForeignHost},
		{"a name that begins like ours", "localhost.rebound.test", nil, ForeignHost},
		{"a name that ends like ours", "evil-guard.internal", nil, ForeignHost},
		{"a name that begins like an address", "127.0.0.1.rebound.test:9192", nil, ForeignHost},
		{"no host", "", nil, ForeignHost},
		{"a port alone", ":9192", nil, ForeignHost},
		{"our own page", "localhost:9192", http.Header{"Origin": {"http://localhost:9192"}, "Sec-Fetch-Site": {"same-origin"}}, ""},
		{"typed by a person", "localhost:9192", http.Header{"Sec-Fetch-Site": {"none"}}, ""},
		{"another site", "localhost:9192", http.Header{"Origin": {"http://evil.test"}}, ForeignOrigin},
		{"another port", "localhost:9192", http.Header{"Origin": {"http://localhost:8080"}}, ForeignOrigin},
		{"another scheme", "localhost:9192", http.Header{"Origin": {"https://localhost:9192"}}, ForeignOrigin},
		{"a sandbox", "localhost:9192", http.Header{"Origin": {"null"}}, ForeignOrigin},
		{"ours, and another", "localhost:9192", http.Header{"Origin": {"http://localhost:9192", "http://evil.test"}}, ForeignOrigin},
		{"a picture on another site", "localhost:9192", http.Header{"Sec-Fetch-Site": {"cross-site"}}, ForeignOrigin},
		{"another port of this machine", "localhost:9192", http.Header{"Sec-Fetch-Site": {"same-site"}}, ForeignOrigin},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, corp(t, "old", "new"))
			token := tokenFile(t, "secret-of-operators", 0o600)
			w.serve(t, Config{TokenFile: token, Host: "guard.internal"})
			for _, c := range []struct{ method, path, body string }{
				{"GET", "/api/v1/keys", ""},
				{"GET", "/api/v1/keys/corp/old", ""},
				{"POST", "/api/v1/keys/corp/old/retire", because},
			} {
				r := request(c.method, c.path, c.body).WithContext(t.Context())
				r.Host = tt.host
				r.Header.Set("Authorization", "Bearer secret-of-operators")
				for name, values := range tt.header {
					r.Header[name] = values
				}
				a, seen := w.do(t, r), w.seen()
				switch {
				case tt.reason == "" && (a.Status != 200 || len(seen) > 0):
					t.Errorf("%s %s: %+v, recorded %+v", c.method, c.path, a, seen)
				case tt.reason != "" && (a.Status != 403 || len(seen) != 1 || seen[0].Reason != tt.reason || seen[0].From != r.RemoteAddr):
					t.Errorf("%s %s: %+v, recorded %+v", c.method, c.path, a, seen)
				}
			}
			if tt.reason != "" && len(w.orders) > 0 {
				t.Error("ordered")
			}
			// Probes come by any name, and those of foreign pages are told no addresses.
			for _, path := range []string{"/healthz", "/readyz"} {
				r := httptest.NewRequest("GET", path, nil)
				r.Host = tt.host
				for name, values := range tt.header {
					r.Header[name] = values
				}
				rec := httptest.NewRecorder()
				w.api.ServeHTTP(rec, r)
				if told := strings.Contains(rec.Body.String(), "10.0.0.7"); rec.Code != 200 || told != (path == "/readyz" && tt.reason == "") {
					t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
				}
			}
		})
	}
}

// Without a configured name there is none, not an empty one.
func TestNoConfiguredHost(t *testing.T) {
	w := newWorld(t, corp(t, "old"))
	for _, host := range []string{"", ":9192", "guard.internal"} {
		r := httptest.NewRequest("GET", "/api/v1/keys", nil)
		r.Host = host
		if a := w.do(t, r); a.Status != 403 {
			t.Errorf("%q: %+v", host, a)
		}
	}
}

// Over the unix socket there is no name to be rebound, but a browser all the same
// if somebody puts a proxy in front.
func TestOriginOverTheUnixSocket(t *testing.T) {
	w := newWorld(t, corp(t, "old"))
	r := request("GET", "/api/v1/keys", "")
	if a := w.do(t, r); a.Status != 200 {
		t.Errorf("%+v", a)
	}
	r.Header.Set("Origin", "http://evil.test")
	if a := w.do(t, r); a.Status != 403 {
		t.Errorf("%+v", a)
	}
	// The name of a foreign site that leads to the port which is forwarded here.
	r.Host = "evil.test"
	if a := w.do(t, r); a.Status != 403 {
		t.Errorf("rebound: %+v", a)
	}
}
