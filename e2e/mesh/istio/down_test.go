package istio

import (
	"net/http"
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"

	meshconfig "istio.io/api/mesh/v1alpha1"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

func TestNothingPassesWithoutAGuard(t *testing.T) {
	w := newWorld(t, folder+"/gateway/jwtguard.yaml", nil)
	w.startGateway(shippedGateway(t), nil)
	w.guard.Kill()
	resp, log := w.send(harness.Request{}.Bearer(w.token(nil)))
	if resp.Status != http.StatusServiceUnavailable || value(log.Details) != "ext_authz_error" || log.Decision != nil {
		t.Errorf("status %d and %s", resp.Status, log.Line)
	}
	if w.upstream.Served() > 0 {
		t.Error("the request reached the workload")
	}
}

// What failOpen does, which nobody should set: whoever can overload a guard gets in.
func TestFailOpenLetsEverythingPassUnchecked(t *testing.T) {
	w := newWorld(t, folder+"/gateway/jwtguard.yaml", nil)
	w.startGateway(without(t, shippedGateway(t), "EnvoyFilter", "jwtguard"), func(m *meshconfig.MeshConfig) {
		for _, p := range m.ExtensionProviders {
			if grpc := p.GetEnvoyExtAuthzGrpc(); grpc != nil {
				grpc.FailOpen = true
			}
		}
	})
	if resp, log := w.send(harness.Request{}); resp.Status != http.StatusUnauthorized {
		t.Errorf("while the guard is there: status %d and %s", resp.Status, log.Line)
	}
	w.guard.Kill()
	resp, log := w.send(harness.Request{}.Header("x-jwt-sub", "mallory"))
	if resp.Status != http.StatusOK || log.Decision != nil || resp.Echo.Header.Get("X-Jwt-Sub") != "mallory" {
		t.Errorf("status %d and %s; the workload got %+v", resp.Status, log.Line, resp.Echo)
	}
}

// While the guard restarts, envoyfilter.yaml has its checks tried again.
func TestARestartOfTheGuardCostsNoRequest(t *testing.T) {
	for name, c := range map[string]struct {
		manifests string
		status    int
	}{
		"with envoyfilter.yaml":    {shippedGateway(t), http.StatusOK},
		"without envoyfilter.yaml": {without(t, shippedGateway(t), "EnvoyFilter", "jwtguard"), http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, folder+"/gateway/jwtguard.yaml", nil)
			w.startGateway(c.manifests, func(m *meshconfig.MeshConfig) {
				for _, p := range m.ExtensionProviders {
					if grpc := p.GetEnvoyExtAuthzGrpc(); grpc != nil {
						grpc.Timeout = durationpb.New(harnesstest.StepLimit) // this machine may be busy
					}
				}
			})
			w.guard.Kill()
			token := w.token(nil)
			answered := make(chan harness.Response, 1)
			go func() {
				resp, err := harness.Request{}.Bearer(token).HTTP1(harnesstest.Step(t), w.envoy.Address)
				if err != nil {
					t.Error(err)
				}
				answered <- resp
			}()
			w.startGuard()
			if resp := <-answered; resp.Status != c.status {
				t.Errorf("status %d, want %d", resp.Status, c.status)
			}
		})
	}
}
