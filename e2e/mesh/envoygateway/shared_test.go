package envoygateway

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

func TestSharedGuardOverMutualTLS(t *testing.T) {
	w := newWorld(t, sharedConfig, nil)
	w.startGateway(shared(t))
	plain, scoped := w.token(nil), w.token(devissuer.Claims{"scope": "payments"})
	for _, c := range []struct {
		target, token, reason string
		status                int
	}{
		{"/", "", "token_missing", 401},
		{"/", plain, "ok", 200},
		{"/", w.token(devissuer.Claims{"aud": "other"}), "audience_mismatch", 401},
		{"/payments", plain, "scope_insufficient", 403},
		{"/payments", scoped, "ok", 200},
	} {
		r := harness.Request{Target: c.target}
		if c.token != "" {
			r = r.Bearer(c.token)
		}
		if resp, log := w.send(r); resp.Status != c.status || value(log.Reason) != c.reason {
			t.Errorf("status %d and %s, want %d and %s", resp.Status, log.Line, c.status, c.reason)
		}
	}
	w.revoke()
	if resp, log := w.send(harness.Request{}.Bearer(plain)); resp.Status != http.StatusUnauthorized || value(log.Reason) != "key_revoked" {
		t.Errorf("a token of the revoked key: status %d and %s", resp.Status, log.Line)
	}
}

// A guard believes nobody, and is not believed, without a certificate of the authority;
// of the guard's, the name counts as well.
func TestStrangersAreNotBelieved(t *testing.T) {
	for name, change := range map[string]func(*world){
		"a proxy with another authority's certificate": func(w *world) { w.client = devissuer.NewCA().Client("envoy") },
		"a proxy with a server's certificate":          func(w *world) { w.client = w.issuer.CA.Server("envoy") },
		"a guard with another authority's certificate": func(w *world) { w.authority = devissuer.NewCA() },
		"a guard with another name": func(w *world) {
			cert, key := devissuer.KeyPairPEM(w.issuer.CA.Server("another.jwtguard.svc"))
			w.file("tls.crt", cert)
			w.file("tls.key", key)
			w.guard.Kill()
			w.startGuard()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sharedConfig, nil)
			change(w)
			w.startGateway(shared(t))
			resp, log := w.send(harness.Request{}.Bearer(w.token(nil)))
			if resp.Status != http.StatusServiceUnavailable || log.Decision != nil {
				t.Errorf("status %d and %s", resp.Status, log.Line)
			}
		})
	}
}

// cluster is what else is there: the workload behind the gateway, and what the shared way
// wants to be there before it is applied.
func (w *world) cluster() string {
	w.t.Helper()
	cert, key := devissuer.KeyPairPEM(w.client)
	all := []string{harnesstest.ReadFile(w.t, "e2e/mesh/envoygateway/testdata/cluster.yaml")}
	for _, o := range []any{
		corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "jwtguard", Name: "jwtguard-ca"},
			Data:       map[string]string{"ca.crt": string(w.authority.PEM())},
		},
		corev1.Secret{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "envoy-gateway-system", Name: "jwtguard-client"},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{"tls.crt": cert, "tls.key": key},
		},
	} {
		text, err := yaml.Marshal(o)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return together(all...)
}

// secrets are what Envoy gets of these by SDS, which egctl does not print.
func (w *world) secrets() secrets {
	inline := func(pem []byte) object { return object{"inlineString": string(pem)} }
	cert, key := devissuer.KeyPairPEM(w.client)
	return secrets{
		"jwtguard/jwtguard-ca": {"validationContext": object{"trustedCa": inline(w.authority.PEM())}},
		"envoy-gateway-system/jwtguard-client": {"tlsCertificate": object{
			"certificateChain": inline(cert), "privateKey": inline(key),
		}},
	}
}
