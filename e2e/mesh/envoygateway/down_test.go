package envoygateway

import (
	"net/http"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

func TestNothingPassesWithoutAGuard(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	w.startGateway(sidecar(t))
	w.guard.Kill()
	for _, target := range []string{"/", "/payments"} {
		resp, log := w.send(harness.Request{Target: target}.Bearer(w.token(nil)))
		if resp.Status != http.StatusServiceUnavailable || value(log.Details) != "ext_authz_error" || log.Decision != nil {
			t.Errorf("%s: status %d and %s", target, resp.Status, log.Line)
		}
	}
	if w.upstream.Served() > 0 {
		t.Error("a request reached the workload")
	}
}

// What failOpen does, which nobody should set: whoever can overload a guard gets in.
func TestFailOpenLetsEverythingPassUnchecked(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	w.startGateway(harnesstest.ReplaceOnce(t, sidecar(t), "failOpen: false", "failOpen: true"))
	if resp, log := w.send(harness.Request{}); resp.Status != http.StatusUnauthorized {
		t.Errorf("while the guard is there: status %d and %s", resp.Status, log.Line)
	}
	w.guard.Kill()
	if resp, log := w.send(harness.Request{}); resp.Status != http.StatusOK || log.Decision != nil {
		t.Errorf("status %d and %s", resp.Status, log.Line)
	}
}

// And so does a policy that Envoy Gateway cannot translate, which is an answer of 500
// otherwise (TestMistakesClose).
func TestFailOpenLetsMistakesPass(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	unmet := w.start(harnesstest.ReplaceOnce(t, without(t, sidecar(t), "Backend", "jwtguard"), "failOpen: false", "failOpen: true"))
	if resp, log := w.send(harness.Request{}); resp.Status != http.StatusOK || len(unmet) == 0 {
		t.Errorf("status %d and %s; the status says %q", resp.Status, log.Line, unmet)
	}
}

// While the guard restarts, its checks are tried again.
func TestARestartOfTheGuardCostsNoRequest(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	w.startGateway(harnesstest.ReplaceOnce(t, sidecar(t), "timeout: 2s", "timeout: "+harnesstest.StepLimit.String())) // this machine may be busy
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
	w.checkFailed()
	w.startGuard()
	if resp := <-answered; resp.Status != http.StatusOK {
		t.Errorf("status %d", resp.Status)
	}
}

func TestWithoutRetryARestartCostsRequests(t *testing.T) {
	w := newWorld(t, sidecarConfig, nil)
	w.startGateway(harnesstest.ReplaceOnce(t, sidecar(t), "numRetries: 50", "numRetries: 0"))
	w.guard.Kill()
	if resp, log := w.send(harness.Request{}.Bearer(w.token(nil))); resp.Status != http.StatusServiceUnavailable {
		t.Errorf("status %d and %s", resp.Status, log.Line)
	}
}

// checkFailed waits until Envoy found no guard.
func (w *world) checkFailed() {
	w.t.Helper()
	for ctx := harnesstest.Step(w.t); ; {
		stats, err := w.envoy.AdminGet(ctx, "/stats?usedonly&filter=securitypolicy.*upstream_cx_connect_fail$")
		if err != nil {
			w.t.Fatal(err)
		}
		if stats != "" {
			return
		}
	}
}
