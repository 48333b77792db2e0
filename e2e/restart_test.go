package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

func TestAKilledGuardMeansDenial(t *testing.T) {
	w := newWorld(t, setup{})
	good := harness.Request{}.Bearer(w.token(nil))
	if resp, access := w.send(good); resp.Status != http.StatusOK {
		t.Fatalf("%d: %s", resp.Status, access.Line)
	}
	if err := w.guard.Kill(); err != nil {
		t.Fatal(err)
	}
	before := w.upstream.Served()
	resp, access := w.send(good)
	if resp.Status != http.StatusServiceUnavailable || access.Decision != nil || value(access.Details) != "ext_authz_error" {
		t.Errorf("killed: %d: %s", resp.Status, access.Line)
	}
	if n := w.upstream.Served() - before; n != 0 {
		t.Errorf("killed: %d requests reached the upstream", n)
	}
	w.startGuard()
	if resp, access := w.send(good); resp.Status != http.StatusOK {
		t.Errorf("started again: %d: %s", resp.Status, access.Line)
	}
}

// restartGap is how long nobody listens in a restart, as where a supervisor
// starts the guard again. Together with the guard's own start it stays below
// the 2 s that deploy/envoy/envoy.yaml bridges.
const restartGap = 500 * time.Millisecond

// restarts are the ways in which a guard may be replaced.
var restarts = map[string]func(*testing.T, *world){
	"SIGTERM": func(t *testing.T, w *world) {
		if err := w.guard.Stop(); err != nil {
			t.Error(err)
		}
		if code := w.guard.ExitCode(); code != 0 {
			t.Errorf("exit code %d after SIGTERM, want 0", code)
		}
		time.Sleep(restartGap)
		w.startGuard()
	},
	"kill -9": func(t *testing.T, w *world) {
		if err := w.guard.Kill(); err != nil {
			t.Error(err)
		}
		time.Sleep(restartGap)
		w.startGuard()
	},
}

// takeover has a successor take the unix socket over before the old guard ends.
func takeover(t *testing.T, w *world) {
	old := w.guard
	w.metrics = freePort(t)
	w.config = strings.Replace(w.config, old.Metrics, w.metrics, 1)
	w.config = strings.Replace(w.config, "/admin.sock", "/admin2.sock", 1)
	w.guardDir = harnesstest.TempDir(t) // the old one watches its own file
	w.startGuard()
	if err := old.Stop(); err != nil {
		t.Error(err)
	}
}

// With the shipped Envoy configuration, a guard that restarts costs not one
// request, however it ended and however it is reached.
func TestRestartLosesNoRequest(t *testing.T) {
	for how, restart := range restarts {
		for _, tcp := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tcp=%v", how, tcp), func(t *testing.T) {
				w := newWorld(t, setup{tcp: tcp})
				w.loseNothing(t, restart)
			})
		}
	}
	t.Run("takeover", func(t *testing.T) {
		w := newWorld(t, setup{})
		w.loseNothing(t, takeover)
	})
}

// A new guard has no keys until its issuer has answered, which takes a moment
// over the internet: until then, checks have to wait.
func TestRestartWaitsForTheFirstKeys(t *testing.T) {
	for how, restart := range restarts {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, setup{})
			w.issuer.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: 300 * time.Millisecond})
			w.loseNothing(t, restart)
		})
	}
	t.Run("takeover", func(t *testing.T) {
		w := newWorld(t, setup{})
		w.issuer.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: 300 * time.Millisecond})
		w.loseNothing(t, takeover)
	})
}

// loseNothing restarts the guard under 100 requests a second, each of which has
// to pass.
func (w *world) loseNothing(t *testing.T, restart func(*testing.T, *world)) {
	t.Helper()
	client := harness.NewHTTP1()
	defer client.CloseIdleConnections()
	good := harness.Request{}.Bearer(w.token(nil))
	load := harness.StartLoad(harnesstest.Step(t), 100, func(ctx context.Context) error {
		resp, err := good.Over(ctx, client, w.envoy.Address)
		if err == nil && resp.Status != http.StatusOK {
			err = fmt.Errorf("%d %s", resp.Status, resp.Body)
		}
		return err
	})
	time.Sleep(time.Second)
	restart(t, w)
	time.Sleep(time.Second)
	sent, slowest, failures := load.Stop()
	t.Logf("%d requests, the slowest took %v", sent, slowest)
	if sent < 150 {
		t.Errorf("%d requests are no load", sent)
	}
	for _, f := range failures {
		t.Error(f)
	}
}

// While it drains, a guard that was told to end still answers.
func TestADrainingGuardAnswers(t *testing.T) {
	w := newWorld(t, setup{})
	good := harness.Request{}.Bearer(w.token(nil))
	if err := w.guard.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if err := w.guard.Ready(shortContext(t)); err == nil {
		t.Error("a draining guard says that it is ready")
	}
	if resp, access := w.send(good); resp.Status != http.StatusOK {
		t.Errorf("%d: %s", resp.Status, access.Line)
	}
	select {
	case <-w.guard.Done():
		t.Error("the guard ended before its drain of 1 s was over")
	default:
	}
	<-w.guard.Done()
	if code := w.guard.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// shortContext is for what is expected not to happen.
func shortContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
