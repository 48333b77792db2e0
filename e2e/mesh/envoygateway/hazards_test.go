package envoygateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// cors is a policy that somebody wrote for the shop's route and something else.
const cors = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: { name: cors, namespace: shop }
spec:
  targetRefs:
  - { group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop, sectionName: everything }
  cors: { allowOrigins: ["https://shop.example.com"] }
`

// A policy of a route takes the place of the gateway's, whatever it is about, unless it
// says that it is merged. docs/envoy-gateway.md warns of it.
func TestAPolicyOfARouteMayTakeTheGuardAway(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		status int
	}{
		"without mergeType": {cors, http.StatusOK},
		"with mergeType":    {harnesstest.ReplaceOnce(t, cors, "  cors:", "  mergeType: StrategicMerge\n  cors:"), http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sidecarConfig, nil)
			w.startGateway(together(sidecar(t), c.policy))
			if resp, log := w.send(harness.Request{}); resp.Status != c.status {
				t.Errorf("status %d and %s", resp.Status, log.Line)
			}
		})
	}
}

// Whatever is missing or misspelt, nothing passes: neither by Envoy Gateway, which
// answers 500 where it has no guard to ask, nor by the guard.
func TestMistakesClose(t *testing.T) {
	for name, c := range map[string]struct {
		manifests       string
		status          int
		unmet           string // a condition that tells the operator
		target          string
		reason, details string
	}{
		"no Backend": {
			manifests: without(t, sidecar(t), "Backend", "jwtguard"),
			status:    500, unmet: "not found", target: "/", reason: "<null>", details: "direct_response",
		},
		"no ReferenceGrant": {
			manifests: without(t, sidecar(t), "ReferenceGrant", "jwtguard"),
			status:    500, unmet: "ReferenceGrant", target: "/payments", reason: "<null>", details: "direct_response",
		},
		"a policy that the guard does not know": {
			manifests: harnesstest.ReplaceOnce(t, sidecar(t), "value: payments\n", "value: payment\n"),
			status:    403, target: "/payments", reason: "policy_unknown", details: "ext_authz_denied",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sidecarConfig, nil)
			unmet := strings.Join(w.start(c.manifests), "\n")
			if !strings.Contains(unmet, c.unmet) || c.unmet == "" && unmet != "" {
				t.Errorf("the status says %q", unmet)
			}
			resp, log := w.send(harness.Request{Target: c.target}.Bearer(w.token(nil)))
			if resp.Status != c.status || value(log.Reason) != c.reason || value(log.Details) != c.details || w.upstream.Served() > 0 {
				t.Errorf("status %d and %s", resp.Status, log.Line)
			}
		})
	}
}

// A listener whose filters the patch has no path to would go without it in silence.
func TestThePatchReachesEveryGuard(t *testing.T) {
	for name, text := range everything(t) {
		w := &world{t: t, authority: devissuer.NewCA()}
		w.client = w.authority.Client("envoy")
		p := newPlane(t, together(text, w.cluster()))
		guards := 0
		within(p.listeners[listenerName], func(o object) {
			if o["@type"] != "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz" {
				return
			}
			guards++
			if o["validateMutations"] != true || o["encodeRawHeaders"] != true || o["decoderHeaderMutationRules"] == nil {
				t.Errorf("%s: %v", name, o)
			}
		})
		if guards != 2 {
			t.Errorf("%s: %d filters ask the guard", name, guards)
		}
	}
}
