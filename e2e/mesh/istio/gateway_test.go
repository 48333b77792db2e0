package istio

import (
	"net/http"
	"testing"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/test/xdstest"
	istiotest "istio.io/istio/pkg/test"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// workloadAddress is the pod's in testdata/cluster.yaml.
const workloadAddress = "10.0.0.8:8080"

// shippedGateway is what deploy/istio has applied for a guard beside the gateway.
func shippedGateway(t testing.TB) string {
	return harnesstest.ReadFile(t, "e2e/mesh/istio/testdata/cluster.yaml") + "\n---\n" +
		kustomize(t, folder+"/mesh") + "\n---\n" + kustomize(t, folder+"/gateway")
}

// byPath is shippedGateway with by-path.yaml in place of policy.yaml.
func byPath(t testing.TB) string {
	text := shippedGateway(t)
	var kept string
	for _, o := range documents(t, text) {
		if o.GetKind() != "AuthorizationPolicy" {
			kept += manifest(t, o)
		}
	}
	return kept + inNamespace(t, "istio-ingress", folder+"/gateway/by-path.yaml")
}

// startGateway runs the ingress gateway that Istio makes of manifests.
func (w *world) startGateway(manifests string, edit func(*meshconfig.MeshConfig)) {
	w.t.Helper()
	p := newPlane(w.t.(*testing.T), manifests, edit)
	proxy := p.gateway()
	listener := xdstest.ExtractListener("0.0.0.0_80", p.Listeners(proxy))
	if listener == nil || len(listener.FilterChains) != 1 {
		w.t.Fatalf("the gateway's listener: %v", listener)
	}
	at := w.sockets()
	at[workloadAddress] = w.upstream.Address
	w.startEnvoy(p.static(proxy, listener.FilterChains[0], "127.0.0.1:0", at))
}

func TestGuardBesideTheIngressGateway(t *testing.T) {
	w := newWorld(t, folder+"/gateway/jwtguard.yaml", nil)
	w.startGateway(shippedGateway(t), nil)

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

	good, log := w.send(harness.Request{}.Bearer(w.token(devissuer.Claims{"sub": "alice"})).
		Header("x-jwt-sub", "mallory").Header("x-jwt-scope", "everything"))
	if good.Echo == nil || good.Echo.Header.Get("X-Jwt-Sub") != "alice" || good.Echo.Header.Get("X-Jwt-Scope") != "" {
		t.Errorf("the workload got %+v", good.Echo)
	}
	if value(log.Decision) != "allow" || value(log.Issuer) != "corp" || value(log.Thumbprint) != w.key.Thumbprint() ||
		value(log.Alg) != "ES256" || value(log.KeyState) != "active" {
		t.Errorf("the access log does not name the key: %s", log.Line)
	}

	w.revoke()
	resp, log := w.send(harness.Request{}.Bearer(w.token(nil)))
	if resp.Status != http.StatusUnauthorized || value(log.Reason) != "key_revoked" || value(log.KeyState) != "revoked" {
		t.Errorf("a token of the revoked key: status %d and %s", resp.Status, log.Line)
	}
	if got := resp.Header.Get("WWW-Authenticate"); got == "" {
		t.Error("the challenge did not reach the client")
	}
}

func TestPathChoosesThePolicyAtTheGateway(t *testing.T) {
	istiotest.SetForTest(t, &features.EnableMultipleCustomAuthzProviders, true)
	w := newWorld(t, folder+"/gateway/jwtguard.yaml", nil)
	w.startGateway(byPath(t), nil)

	plain, scoped := w.token(nil), w.token(devissuer.Claims{"scope": "payments"})
	for _, c := range []struct {
		target, token, policy string
		status                int
	}{
		{"/", plain, "default", 200},
		{"/paymentsx", plain, "default", 200},
		{"/payments", plain, "payments", 403},
		{"/payments", scoped, "payments", 200},
		{"/payments/7?a=b", plain, "payments", 403},
		{"/payments/7?a=b", scoped, "payments", 200},
		// Other spellings of the path, as far as Envoy knows them.
		{"//payments", plain, "payments", 403},
		{"/a/../payments/7", plain, "payments", 403},
		{"/%70ayments", plain, "payments", 403},
		{"/a%2f..%2fpayments", plain, "payments", 403},
	} {
		resp, log := w.send(harness.Request{Target: c.target}.Bearer(c.token))
		if resp.Status != c.status || value(log.Policy) != c.policy {
			t.Errorf("%s: status %d and %s, want %d by the policy %s", c.target, resp.Status, log.Line, c.status, c.policy)
		}
	}
}

// On paths that a policy leaves out, nobody but envoyfilter.yaml takes away what a client
// says about itself.
func TestIdentityHeadersAreStrippedWhereTheGuardIsNotAsked(t *testing.T) {
	public := harnesstest.ReplaceOnce(t, shippedGateway(t), "  rules:\n  - {}\n", "  rules:\n  - to: [{ operation: { notPaths: [/public] } }]\n")
	forged := harness.Request{Target: "/public"}.Header("X-Jwt-Sub", "mallory").Header("x.jwt~sub", "mallory")
	for name, c := range map[string]struct {
		manifests         string
		reaches           bool
		underscoredStatus int
	}{
		"with envoyfilter.yaml":    {public, false, http.StatusBadRequest},
		"without envoyfilter.yaml": {without(t, public, "EnvoyFilter", "jwtguard"), true, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, folder+"/gateway/jwtguard.yaml", nil)
			w.startGateway(c.manifests, nil)
			resp, log := w.send(forged)
			if resp.Echo == nil || log.Decision != nil {
				t.Fatalf("status %d and %s", resp.Status, log.Line)
			}
			reaches := resp.Echo.Header.Get("X-Jwt-Sub") != "" || resp.Echo.Header.Get("X.jwt~sub") != ""
			if reaches != c.reaches {
				t.Errorf("the forged identity reaches the workload: %v, want %v", reaches, c.reaches)
			}
			if resp, _ := w.send(harness.Request{Target: "/public"}.Header("x_jwt_sub", "mallory")); resp.Status != c.underscoredStatus {
				t.Errorf("with an underscore: status %d, want %d", resp.Status, c.underscoredStatus)
			}
			if resp, _ := w.send(harness.Request{}); resp.Status != http.StatusUnauthorized {
				t.Errorf("elsewhere: status %d", resp.Status)
			}
		})
	}
}

// Istio denies what it cannot have judged, without asking anybody.
func TestIstioDeniesWhatItCannotAsk(t *testing.T) {
	for name, c := range map[string]struct {
		manifests string
		edit      func(*meshconfig.MeshConfig)
	}{
		"two providers without PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS": {manifests: byPath(t)},
		"mesh/ was not applied": {manifests: without(t, shippedGateway(t), "ServiceEntry", "jwtguard-default")},
		"istiod-values.yaml was not applied": {manifests: without(t, shippedGateway(t), "Telemetry", "jwtguard"),
			edit: func(m *meshconfig.MeshConfig) { m.ExtensionProviders = nil; m.AccessLogFile = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, folder+"/gateway/jwtguard.yaml", nil)
			w.startGateway(c.manifests, c.edit)
			for _, target := range []string{"/", "/payments"} {
				resp, err := harness.Request{Target: target}.Bearer(w.token(nil)).HTTP1(harnesstest.Step(t), w.envoy.Address)
				if err != nil {
					t.Fatal(err)
				}
				if resp.Status != http.StatusForbidden || w.upstream.Served() > 0 {
					t.Errorf("%s: status %d, and %d requests reached the workload", target, resp.Status, w.upstream.Served())
				}
			}
		})
	}
}

// without leaves one manifest out.
func without(t testing.TB, manifests, kind, name string) string {
	t.Helper()
	var kept string
	found := false
	for _, o := range documents(t, manifests) {
		if o.GetKind() == kind && o.GetName() == name {
			found = true
			continue
		}
		kept += manifest(t, o)
	}
	if !found {
		t.Fatalf("there is no %s %s", kind, name)
	}
	return kept
}
