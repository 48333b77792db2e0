package admin

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Whatever is sent, nothing panics, every answer is one of ours, and without the
// token nothing is ever ordered, nor with it without a reason.
func FuzzChange(f *testing.F) {
	f.Add("corp/old/retire", `{"reason": "x", "grace": "1h", "force": true}`, "localhost", "Bearer s3cret-of-operators", "application/json", "http://localhost", "same-origin")
	f.Add("corp/-/revoke", `{"reason": "x", "unseen": true, "thumbprint": "`+strange+`"}`, "127.0.0.1:1", "bearer s3cret-of-operators", "application/json; charset=utf-8", "", "")
	f.Add("corp/%2F/reinstate", `{"reason": "x"`, "evil.test", "Bearer s3cret-of-operator", "text/plain", "null", "cross-site")
	f.Add("corp/a%zz/retire", `{"reason": "x", "reason": "y"}`, "[::1", "Bearer  s3cret-of-operators ", "", "", "none")
	file := tokenFile(f, "s3cret-of-operators", 0o600)
	base := IssuerKeys{Issuer: "corp", Set: keyset.New(settings)}
	f.Fuzz(func(t *testing.T, path, body, host, authorization, media, origin, site string) {
		defer func() {
			if v := recover(); v != nil {
				t.Fatal(v)
			}
		}()
		w := newWorld(t, base)
		w.serve(t, Config{TokenFile: file})
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		u, err := r.URL.Parse("/api/v1/keys/" + path)
		if err != nil {
			t.Skip()
		}
		r.URL, r.Host = u, host
		for name, value := range map[string]string{"Authorization": authorization, "Content-Type": media, "Origin": origin, "Sec-Fetch-Site": site} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		scheme, token, _ := strings.Cut(authorization, " ")
		may := strings.EqualFold(scheme, "Bearer") && strings.Trim(token, " ") == "s3cret-of-operators"
		for _, o := range w.orders {
			if !may || strings.TrimSpace(o.Reason) == "" || o.Actor != "token:operator.token" || site == "cross-site" || host == "evil.test" {
				t.Errorf("ordered: %+v", o)
			}
		}
		if len(w.orders) > 0 != (rec.Code == 200) || rec.Code >= 400 && rec.Code != 503 && len(w.orders) > 0 {
			t.Errorf("answered %d to %+v", rec.Code, w.orders)
		}
		if rec.Code >= 400 && rec.Header().Get("Content-Type") != problemType {
			t.Errorf("%d %s", rec.Code, rec.Header())
		}
	})
}
