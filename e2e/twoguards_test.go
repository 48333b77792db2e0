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

// successor starts another guard with the same state directory and gRPC socket,
// and does not wait for it.
func (w *world) successor() (next *harness.Guard, config string) {
	w.t.Helper()
	metrics := freePort(w.t)
	config = strings.Replace(w.config, w.metrics, metrics, 1)
	config = strings.Replace(config, w.admin, w.admin+".2", 1)
	next, err := harness.LaunchGuard(w.binary, harnesstest.TempDir(w.t), config, metrics)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { next.Stop() })
	return next, config
}

// Two that wrote one ledger would each forget what the other was told.
func TestASecondGuardDoesNotGetTheStateDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{alone: true, state: newState(t)})
	began := time.Now()
	second, _ := w.successor()
	select {
	case <-second.Done():
	case <-time.After(limit):
		t.Fatal("it waits for ever")
	}
	if took := time.Since(began); took < 14*time.Second {
		t.Errorf("it waited for %v: a predecessor may drain for longer", took)
	}
	said := second.Stderr.String()
	if code := second.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"state_dir", `in use by guard "e2e", pid ` + fmt.Sprint(w.guard.PID()) + `:`, "stop that guard, or give this one a state_dir of its own"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %s: %s", want, said)
		}
	}
	w.order("retire", "--unseen", "corp", "gone") // the first one is none the worse
}

// A successor that waits for the state directory starts while its predecessor
// still answers: nobody is refused meanwhile, and no order is lost.
func TestASuccessorTakesOverDuringTheDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{state: newState(t), drain: "5s"})
	gone := devissuer.SharedKey("2026-10", "ES256")
	w.issuer.Publish(gone)
	w.refresh()
	w.order("retire", "--grace", "0s", "corp", gone.KID)

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
	first := w.guard
	second, config := w.successor()
	if err := second.Ready(shortContext(t)); err == nil {
		t.Error("the second guard is ready, though the first one has the state directory")
	}
	if err := first.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Ready(harnesstest.Step(t)); err != nil {
		t.Fatalf("%v: %s", err, second.Stderr)
	}
	select {
	case <-first.Done():
		t.Error("the second guard started after the drain of the first one")
	default:
	}
	// While it drains, the first one takes no orders: they would be lost.
	if status, text := w.ask("POST", "/api/v1/keys/corp/late/retire", `{"reason": "e2e", "unseen": true}`); status != http.StatusServiceUnavailable || !strings.Contains(text, "successor") {
		t.Errorf("an order during the drain: %d: %s", status, text)
	}
	<-first.Done()
	if code := first.ExitCode(); code != 0 {
		t.Errorf("the first guard: exit code %d", code)
	}
	w.guard, w.config, w.metrics, w.admin = second, config, second.Metrics, w.admin+".2"
	w.expect("the successor knows", w.of(gone), http.StatusUnauthorized, "key_retired", "retired")
	sent, slowest, failures := load.Stop()
	t.Logf("%d requests, the slowest took %v", sent, slowest)
	for _, f := range failures {
		t.Error(f)
	}
}
