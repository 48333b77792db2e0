package istio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// requestAuthentication is Istio's own, with the issuer's keys in it, and the policy
// that requires its verdict: what there is before a move.
func (w *world) requestAuthentication(keys ...*devissuer.Key) string {
	var jwks []devissuer.JWK
	for _, k := range keys {
		jwks = append(jwks, k.JWK())
	}
	return fmt.Sprintf(`
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: before, namespace: istio-ingress }
spec:
  selector: { matchLabels: { istio: ingress } }
  jwtRules:
  - issuer: %s
    audiences: [payments-api]
    forwardOriginalToken: true
    jwks: '%s'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: before, namespace: istio-ingress }
spec:
  selector: { matchLabels: { istio: ingress } }
  action: ALLOW
  rules:
  - from: [{ source: { requestPrincipals: ["*"] } }]
`, w.issuer.URL, devissuer.Document(jwks...))
}

// The guard is asked first, then Istio's own filter: a move can begin in shadow mode,
// where the guard only reports, and end with the other removed.
func TestTheGuardBesideRequestAuthentication(t *testing.T) {
	other := devissuer.SharedKey("2025-11", "ES256") // known to Istio alone: it was withdrawn
	shadow := func(config string) string {
		return strings.Replace(config, "  default:\n    issuers: [corp]\n", "  default:\n    mode: shadow\n    issuers: [corp]\n", 1)
	}
	for name, c := range map[string]struct {
		edit                      func(string) string
		none, good, withdrawn     int
		noneSays, withdrawnReason string
	}{
		"shadow":  {shadow, 403, 200, 200, "shadow_deny", "kid_unknown"},
		"enforce": {nil, 401, 200, 401, "deny", "kid_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, folder+"/gateway/jwtguard.yaml", c.edit)
			w.startGateway(shippedGateway(t)+"\n---"+w.requestAuthentication(w.key, other), nil)
			for _, r := range []struct {
				name    string
				request harness.Request
				status  int
				says    string
				reason  string
			}{
				{"no token", harness.Request{}, c.none, c.noneSays, "token_missing"},
				{"a good token", harness.Request{}.Bearer(w.token(nil)), c.good, "allow", "ok"},
				{"a token of a withdrawn key", harness.Request{}.Bearer(other.Token(w.claims(nil))), c.withdrawn, c.noneSays, c.withdrawnReason},
			} {
				resp, log := w.send(r.request)
				if resp.Status != r.status || value(log.Decision) != r.says || value(log.Reason) != r.reason {
					t.Errorf("%s: status %d and %s, want %d, %s and %s", r.name, resp.Status, log.Line, r.status, r.says, r.reason)
				}
			}
		})
	}
}

// `forward: false` takes the token away before Istio's own filter looks for it.
func TestAPolicyThatRemovesTheTokenHidesItFromRequestAuthentication(t *testing.T) {
	w := newWorld(t, folder+"/gateway/jwtguard.yaml", func(config string) string {
		return strings.Replace(config, "  default:\n", "  default:\n    token: { forward: false }\n", 1)
	})
	w.startGateway(shippedGateway(t)+"\n---"+w.requestAuthentication(w.key), nil)
	resp, log := w.send(harness.Request{}.Bearer(w.token(nil)))
	if resp.Status != 403 || value(log.Decision) != "allow" || !strings.HasPrefix(value(log.Details), "rbac_access_denied") {
		t.Errorf("status %d and %s", resp.Status, log.Line)
	}
}

// Once RequestAuthentication is gone, Istio's policies read what the guard says: they
// come after it, and it lets no client say it.
func TestIstiosPoliciesReadTheGuardsHeaders(t *testing.T) {
	w := newWorld(t, folder+"/gateway/jwtguard.yaml", nil)
	w.startGateway(shippedGateway(t)+`
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: alice, namespace: istio-ingress }
spec:
  selector: { matchLabels: { istio: ingress } }
  action: ALLOW
  rules:
  - when: [{ key: "request.headers[x-jwt-sub]", values: [alice] }]
`, nil)
	for sub, status := range map[string]int{"alice": 200, "bob": 403} {
		resp, log := w.send(harness.Request{}.Bearer(w.token(devissuer.Claims{"sub": sub})).Header("x-jwt-sub", "alice"))
		if resp.Status != status {
			t.Errorf("%s: status %d and %s, want %d", sub, resp.Status, log.Line, status)
		}
	}
}
