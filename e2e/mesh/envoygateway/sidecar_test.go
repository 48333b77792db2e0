package envoygateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

func TestGuardBesideTheProxy(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	w.startGateway(sidecar(t))

	other := devissuer.NewKey(w.key.KID, "ES256")
	for _, c := range []struct {
		name    string
		request harness.Request
		status  int
		reason  string
		kid     string
	}{
		{"no token", harness.Request{}, 401, "token_missing", ""},
		{"a good token", harness.Request{}.Bearer(w.token(nil)), 200, "ok", w.key.KID},
		{"two tokens", harness.Request{}.Bearer(w.token(nil)).Bearer(w.token(nil)), 400, "multiple_credentials", ""},
		{"a forged token", harness.Request{}.Bearer(other.Token(w.claims(nil))), 401, "signature_invalid", w.key.KID},
		{"another audience", harness.Request{}.Bearer(w.token(devissuer.Claims{"aud": "other"})), 401, "audience_mismatch", w.key.KID},
	} {
		resp, log := w.send(c.request)
		if resp.Status != c.status || value(log.Reason) != c.reason || value(log.KID) != c.kid || value(log.Policy) != "default" {
			t.Errorf("%s: status %d and %s, want %d, %s and kid %q", c.name, resp.Status, log.Line, c.status, c.reason, c.kid)
		}
	}

	_, log := w.send(harness.Request{}.Bearer(w.token(nil)))
	if value(log.Decision) != "allow" || value(log.Issuer) != "corp" || value(log.Thumbprint) != w.key.Thumbprint() ||
		value(log.Alg) != "ES256" || value(log.KeyState) != "active" {
		t.Errorf("the access log does not name the key: %s", log.Line)
	}

	w.revoke()
	resp, log := w.send(harness.Request{}.Bearer(w.token(nil)))
	if resp.Status != http.StatusUnauthorized || value(log.Reason) != "key_revoked" || value(log.KeyState) != "revoked" {
		t.Errorf("a token of the revoked key: status %d and %s", resp.Status, log.Line)
	}
	if got := resp.Header.Get("WWW-Authenticate"); !strings.Contains(got, "invalid_token") {
		t.Errorf("the challenge that reached the client: %q", got)
	}
}

// What a client says about its own identity reaches nobody, on any route.
func TestForgedIdentityIsRemoved(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	w.startGateway(sidecar(t))
	forged := []string{"x-jwt-sub", "x-jwt-scope", "X-JWT-Anything", "x.jwt~sub", "x-envoy-auth-failure-mode-allowed"}
	for target, sub := range map[string]string{"/": "alice", "/healthz": ""} {
		r := harness.Request{Target: target}.Bearer(w.token(devissuer.Claims{"sub": "alice"}))
		for _, name := range forged {
			r = r.Header(name, "mallory")
		}
		resp, log := w.send(r)
		if resp.Echo == nil {
			t.Errorf("%s: status %d and %s", target, resp.Status, log.Line)
			continue
		}
		if got := resp.Echo.Header.Get("X-Jwt-Sub"); got != sub {
			t.Errorf("%s: the workload was told %q", target, got)
		}
		for name, values := range resp.Echo.Header {
			if strings.Contains(strings.Join(values, ""), "mallory") {
				t.Errorf("%s: the workload got %s: %v", target, name, values)
			}
		}
	}
	if resp, err := (harness.Request{}).Bearer(w.token(nil)).Header("x_jwt_sub", "mallory").HTTP1(harnesstest.Step(t), w.envoy.Address); err != nil || resp.Status != http.StatusBadRequest {
		t.Errorf("a header with an underscore: %v, status %d", err, resp.Status)
	}
}
