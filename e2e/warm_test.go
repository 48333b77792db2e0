package e2e

import (
	"net/http"
	"testing"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A guard that starts while its issuer is down trusts what it knew, for as long
// as max_stale allows and no longer.
func TestAGuardStartsWarmWhileItsIssuerIsDown(t *testing.T) {
	for how, stop := range stops {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{state: newState(t), jwks: "max_stale: 5s"})
			token := w.token(nil)
			w.expect("before", token, http.StatusOK, "ok", "active")
			w.issuer.Fail(devissuer.DiscoveryPath, devissuer.Fault{Reset: true})
			w.issuer.Fail(devissuer.JWKSPath, devissuer.Fault{Reset: true})
			if err := stop(w.guard); err != nil {
				t.Fatal(err)
			}
			w.startGuard()
			w.expect("the first request", token, http.StatusOK, "ok", "active")
			w.await("max_stale is over", token, http.StatusServiceUnavailable, "keys_stale")
			w.issuer.Heal()
			w.await("the issuer is back", token, http.StatusOK, "ok")
		})
	}
}
