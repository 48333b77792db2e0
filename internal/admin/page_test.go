package admin

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// The page is one document that asks for nothing from elsewhere, and the browser is
// told that it may not.
func TestPageIsSelfContained(t *testing.T) {
	w := newWorld(t)
	w.serve(t, Config{Name: `<b>"guard`, Host: "guard.internal"})
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "127.0.0.1:9192"
	r.Header.Set("Sec-Fetch-Site", "cross-site") // a link in a runbook
	w.api.ServeHTTP(rec, r)
	body, h := rec.Body.String(), rec.Header()
	if rec.Code != 200 || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%d: %v", rec.Code, h)
	}
	policy := h.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'; ", "connect-src 'self'; ", "base-uri 'none'; ", "form-action 'none'; ", "frame-ancestors 'none'; ", "require-trusted-types-for 'script'; trusted-types 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("%s lacks %s", policy, part)
		}
	}
	for tag, directive := range map[string]string{"style": "style-src", "script": "script-src"} {
		text := regexp.MustCompile(`(?s)<` + tag + `[^>]*>(.*)</` + tag + `>`).FindStringSubmatch(body)
		if len(text) != 2 || !strings.Contains(policy, directive+" "+hashed([]byte(text[1]))+";") {
			t.Errorf("%s does not stand in %s", tag, policy)
		}
	}
	for _, sign := range []string{"{{", "unsafe", "innerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "localStorage", "sessionStorage", "document.cookie", "http://", "https://", "url(", "@import"} {
		if strings.Contains(body, sign) || strings.Contains(policy, sign) {
			t.Errorf("%s is in the page", sign)
		}
	}
	if handler := regexp.MustCompile(`(?i)<[^>]*\s(on[a-z]+|style|src)=`).FindString(body); handler != "" {
		t.Error(handler)
	}
	if !strings.Contains(body, "<title>&lt;b&gt;&#34;guard · jwtguard</title>") {
		t.Error("the guard's name is not in the title, as text")
	}
}

// By a name that may be a foreign site's, nothing on the page would be answered:
// that is said at once.
func TestPageIsNotShownByForeignNames(t *testing.T) {
	w := newWorld(t)
	for host, want := range map[string]int{"rebound.test:9192": 403, "localhost:9192": 200, "[::1]:9192": 200} {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if w.api.ServeHTTP(rec, r); rec.Code != want {
			t.Errorf("%s: %d", host, rec.Code)
		}
	}
	if a := w.do(t, request("POST", "/", "{}")); a.Status != 405 || a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%+v", a)
	}
}
