package e2e

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// shot is one request of a load: when it was sent and answered, and how.
type shot struct {
	began, ended time.Time
	status       int
}

// shots are those of a load so far.
type shots struct {
	mu  sync.Mutex
	all []shot
}

func (s *shots) since(at time.Time) (after []shot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		if x.began.After(at) {
			after = append(after, x)
		}
	}
	return after
}

// await waits until so many requests that were sent after an instant have been
// answered.
func (s *shots) await(t *testing.T, n int, after time.Time) {
	t.Helper()
	for deadline := time.Now().Add(limit); len(s.since(after)) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests were answered, want %d", len(s.since(after)), n)
		}
	}
}

// shoot sends a token 200 times a second until stop is called.
func (w *world) shoot(t *testing.T, token string) (s *shots, stop func()) {
	client := harness.NewHTTP1()
	request := harness.Request{}.Bearer(token)
	s = new(shots)
	load := harness.StartLoad(harnesstest.Step(t), 200, func(ctx context.Context) error {
		began := time.Now()
		resp, err := request.Over(ctx, client, w.envoy.Address)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, shot{began, time.Now(), resp.Status})
		return err
	})
	return s, func() {
		_, _, failures := load.Stop()
		client.CloseIdleConnections()
		for _, f := range failures {
			t.Error(f)
		}
	}
}

// The promise of the commands: once they return, not one request that starts is
// let through, though its token stands in the cache of verified tokens.
func TestNoRequestPassesAfterTheCommandReturned(t *testing.T) {
	for name, order := range map[string][]string{
		"revoke":          {"revoke", "corp", "2026-11"},
		"retire, grace 0": {"retire", "--grace", "0s", "--force", "corp", "2026-11"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{state: newState(t)})
			w.issuer.Publish(devissuer.SharedKey("2026-12", "ES256")) // the other is not the last one
			w.refresh()
			all, stop := w.shoot(t, w.token(nil))
			all.await(t, 200, time.Time{})
			given := time.Now()
			w.order(order...)
			returned := time.Now()
			all.await(t, 200, returned)
			stop()
			before := 0
			for _, x := range all.all {
				switch {
				case x.ended.Before(given):
					if before++; x.status != http.StatusOK {
						t.Errorf("%d, %v before the order", x.status, given.Sub(x.ended))
					}
				case x.began.After(returned) && x.status != http.StatusUnauthorized:
					t.Errorf("%d, sent %v after the command returned", x.status, x.began.Sub(returned))
				}
			}
			t.Logf("%d requests before the order, which took %v, and %d after it", before, returned.Sub(given), len(all.since(returned)))
		})
	}
}

// With a grace, tokens in flight go on and new ones do not begin.
func TestARetirementWithGraceCutsNobodyOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{state: newState(t)})
	w.issuer.Publish(devissuer.SharedKey("2026-12", "ES256"))
	w.refresh()
	all, stop := w.shoot(t, w.token(nil))
	all.await(t, 200, time.Time{})
	given := time.Now()
	w.order("retire", "corp", "2026-11")
	returned := time.Now()

	// iat counts in seconds, and the clock skew of 1 s is allowed for.
	for iat := given.Unix(); ; iat++ {
		for time.Now().Unix() < iat {
			time.Sleep(20 * time.Millisecond)
		}
		a := w.judge(w.token(devissuer.Claims{"iat": iat}))
		if iat <= given.Unix()+1 {
			if value(a.Reason) != "ok" || value(a.KeyState) != "grace" {
				t.Fatalf("issued before the order, as far as the skew lets anybody tell: %s", a.Line)
			}
			continue
		}
		if iat > returned.Unix()+1 {
			if a.Status != http.StatusUnauthorized || value(a.Reason) != "issued_after_withdrawal" || value(a.KeyState) != "grace" {
				t.Fatalf("issued after the order: %s", a.Line)
			}
			break
		}
	}
	all.await(t, 200, returned)
	stop()
	for _, x := range all.all {
		if x.status != http.StatusOK {
			t.Errorf("a token in flight: %d, sent %v after the order", x.status, x.began.Sub(given))
		}
	}
}
