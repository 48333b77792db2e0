package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A server behind Envoy may read each of these as a path below /payments, so
// none may pass under another route's policy. The token lacks the scope that
// "payments" requires: what the guard let through, another policy let through.
func TestNoSpellingOfAPathEscapesItsPolicy(t *testing.T) {
	w := newWorld(t, setup{})
	for name, targets := range map[string][]string{
		"path parameters": {
			"/payments;a=1/x", "/payments;", "/;/payments/x", "/payments%3b/x", "/payments%3B/x",
			"/x/%2e%2e;/payments", "/x/..;/payments", "/x/..%3B/payments", "/healthz;/payments",
		},
		"trailing dots and spaces": {
			"/payments.", "/payments./x", "/payments.../x", "/payments%2e/x", "/payments%2E",
			"/payments%20", "/payments%20/x", "/payments.%20/x", "/payments%20./x",
		},
		"control characters": {"/payments%09/x", "/payments%0d%0A", "/payments%1F", "/payments%7f/x"},
		"letter case":        {"/Payments", "/PAYMENTS/x", "/pAy%4Dents/x"},
		"other bytes before": {"/%ff/..;/payments", "/%c3%a9/payments./x/%e2%80%8b"},
	} {
		for _, target := range targets {
			r := harness.Request{Target: target}.Bearer(w.token(devissuer.Claims{"scope": "read"}))
			for protocol, send := range map[string]func(harness.Request) (harness.Response, harness.Access){
				"HTTP/1.1": w.send, "HTTP/2": w.sendH2,
			} {
				resp, access := send(r)
				refused := resp.Status == http.StatusBadRequest && access.Policy == nil
				held := resp.Status == http.StatusForbidden && value(access.Policy) == "payments"
				if !refused && !held {
					t.Errorf("%s: %s over %s: client got %d under the policy %s", name, target, protocol, resp.Status, value(access.Policy))
				}
			}
		}
	}
	if n := w.upstream.Served(); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
}

// What is refused above must cost no honest client its path.
func TestOrdinaryPathsPass(t *testing.T) {
	w := newWorld(t, setup{})
	for target, want := range map[string]string{
		"/":                               "default",
		"/a.b/c.json":                     "default",
		"/.well-known/x":                  "default",
		"/a..b/c.tar.gz":                  "default",
		"/a%20b/c%20d.txt":                "default",
		"/caf%C3%A9/100%25/a%2Bb":         "default",
		"/@user:1,2/a=b&c+d!$'()*~_-":     "default",
		"/orders/4711?x=;":                "default",
		"/orders?a=1;b=%3b&c=./&d=%0a%20": "default",
		"/orders/?next=/payments;x":       "default",
		"/paymentsx":                      "default",
		"/payments":                       "payments",
		"/payments/":                      "payments",
		"/payments/2026.01/a%20b?x=;.":    "payments",
	} {
		resp, access := w.send(harness.Request{Target: target}.Bearer(w.token(devissuer.Claims{"scope": "payments"})))
		if resp.Echo == nil || resp.Echo.Target != target || value(access.Policy) != want {
			t.Errorf("%s: client got %d, upstream %+v, want the policy %s: %s", target, resp.Status, resp.Echo, want, access.Line)
		}
	}
}

// Some servers make one variable of x-jwt-sub and x.jwt~sub. Every
// character that a header name may hold is tried (RFC 9110, section 5.6.2).
func TestNoPunctuationSpellsAnIdentity(t *testing.T) {
	w := newWorld(t, setup{
		routes:   map[string]string{"/shadow": "shadow"},
		policies: `shadow: { issuers: [corp], mode: shadow, claim_headers: [{ claim: sub, header: x-jwt-sub }] }`,
	})
	var forged []string
	for _, c := range "!#$%&'*+-.^`|~" {
		p := string(c)
		forged = append(forged, "x"+p+"jwt"+p+"sub", "X-JWT"+p+"Sub", "x"+p+"jwt-sub", "x"+p+"jwt-"+p)
	}
	const neighbour = "X-Jwtish.Sub"
	identity := regexp.MustCompile(`(?i)^x[^a-z0-9]jwt[^a-z0-9]`)
	for target, want := range map[string]string{"/": "alice", "/payments": "alice", "/shadow": "", "/healthz": ""} {
		for _, name := range forged {
			r := harness.Request{Target: target}.Header(name, "mallory").Header(neighbour, "stays")
			if want != "" {
				r = r.Bearer(w.token(devissuer.Claims{"scope": "payments"}))
			}
			resp, access := w.send(r)
			if resp.Echo == nil {
				t.Errorf("%s to %s: client got %d %q: %s", name, target, resp.Status, resp.Body, access.Line)
				continue
			}
			h := resp.Echo.Header
			if got := strings.Join(h["X-Jwt-Sub"], "|"); got != want {
				t.Errorf("%s to %s: x-jwt-sub is %q, want %q", name, target, got, want)
			}
			for header, values := range h {
				if identity.MatchString(header) && strings.Contains(strings.Join(values, "|"), "mallory") {
					t.Errorf("%s to %s: the upstream got %s: %q", name, target, header, values)
				}
			}
			if len(names(h, neighbour[:6])) != 1 {
				t.Errorf("%s to %s: %s is lost", name, target, neighbour)
			}
		}
	}
}
