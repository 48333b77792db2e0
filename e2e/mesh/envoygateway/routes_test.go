package envoygateway

import (
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

func TestRouteChoosesThePolicy(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	w.startGateway(sidecar(t))
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
		{"/Payments/7", plain, "payments", 403},
		{"/healthz", "", "<null>", 200},
		// Other spellings of the path, as far as Envoy knows them.
		{"//payments", plain, "payments", 403},
		{"/a/../payments/7", plain, "payments", 403},
		{"/%70ayments", plain, "payments", 403},
		{"/healthz/../payments", plain, "payments", 403},
		// And those that only servers know.
		{"/payments;x/7", scoped, "default", 400},
		{"/payments./7", scoped, "default", 400},
		{"/healthz;/../payments", "", "payments", 401},
	} {
		r := harness.Request{Target: c.target}
		if c.token != "" {
			r = r.Bearer(c.token)
		}
		resp, log := w.send(r)
		if resp.Status != c.status || value(log.Policy) != c.policy {
			t.Errorf("%s: status %d and %s, want %d by the policy %s", c.target, resp.Status, log.Line, c.status, c.policy)
		}
	}
}
