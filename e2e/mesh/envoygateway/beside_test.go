package envoygateway

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// besideJWT is what is shipped with Envoy Gateway's own jwt in the same policy.
func besideJWT(w *world) string {
	w.t.Helper()
	return harnesstest.ReplaceOnce(w.t, sidecar(w.t), "    statusOnError: 503\n    timeout: 2s\n",
		"    statusOnError: 503\n    timeout: 2s\n  jwt:\n    providers:\n    - name: corp\n      issuer: "+w.issuer.URL+
			"\n      audiences: [payments-api]\n      localJWKS: { type: Inline, inline: '"+w.jwks()+"' }\n")
}

// jwks is what the issuer publishes.
func (w *world) jwks() string {
	w.t.Helper()
	c := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.issuer.CA.Pool()}}}
	defer c.CloseIdleConnections()
	resp, err := c.Get(w.issuer.JWKSURI())
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// The guard is asked first. In shadow mode it lets everything through to the filter that
// enforces, and the access log tells about both.
func TestShadowModeInFrontOfEnvoyGatewaysJWT(t *testing.T) {
	w := newWorld(t, sidecarConfig, func(config string) string {
		return harnesstest.ReplaceOnce(t, config, "  default:\n", "  default:\n    mode: shadow\n")
	})
	w.startGateway(besideJWT(w))
	good := w.token(nil)
	w.compare("no token", "", 401, "jwt_authn_access_denied", "shadow_deny", "token_missing")
	w.compare("a good token", good, 200, "via_upstream", "allow", "ok")
	w.compare("another audience", w.token(devissuer.Claims{"aud": "other"}), 403, "jwt_authn_access_denied", "shadow_deny", "audience_mismatch")
	w.revoke()
	w.compare("a token of a revoked key", good, 200, "via_upstream", "shadow_deny", "key_revoked")
}

// Then both have to agree.
func TestEnforcingInFrontOfEnvoyGatewaysJWT(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	w.startGateway(besideJWT(w))
	good := w.token(nil)
	w.compare("a good token", good, 200, "via_upstream", "allow", "ok")
	w.revoke()
	w.compare("a token of a revoked key", good, 401, "ext_authz_denied", "deny", "key_revoked")
}

// compare sends a request, and says what the access log should tell of both filters.
func (w *world) compare(name, token string, status int, details, decision, reason string) {
	w.t.Helper()
	var r harness.Request
	if token != "" {
		r = r.Bearer(token)
	}
	resp, log := w.send(r)
	if resp.Status != status || !strings.HasPrefix(value(log.Details), details) || value(log.Decision) != decision || value(log.Reason) != reason {
		w.t.Errorf("%s: status %d and %s, want %d, %s, %s and %s", name, resp.Status, log.Line, status, details, decision, reason)
	}
}

// What egctl makes of manifests with jwt becomes a configuration of the guard.
func TestConfigurationOutOfEnvoyGatewaysJWT(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	translated := egctl(t, "x", "translate", "--from", "gateway-api", "--to", "xds", "-o", "json",
		"-f", tempFile(t, harnesstest.ReplaceOnce(t, together(besideJWT(w), w.cluster()), "from: Selector", "from: All")))
	said, err := harness.Command(harnesstest.Step(t), harnesstest.GuardBinary(t), "check", "--from-envoy", tempFile(t, translated))
	if err != nil || said.Status > 1 {
		t.Fatal(err, said)
	}
	for _, part := range []string{"issuer: " + w.issuer.URL + "\n", "audiences: [payments-api]\n", "inline:", w.key.KID} {
		if !strings.Contains(said.Stdout, part) {
			t.Errorf("the configuration lacks %q:\n%s", part, said.Stdout)
		}
	}
}
