package admin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// A disk that fails: the order is in force, and the answer says that it is not
// written down.
func TestOrdersThatAreNotWrittenDownYet(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	w.durable = func(context.Context) error { return errors.New("no space left on device") }
	a := w.order(t, "corp/old/revoke", because)
	if a.Status != 202 || !a.Changed || !a.InForce || a.Durable || w.state(t, "old") != keyset.Revoked ||
		a.Detail != "The key is revoked, since 12:00:00Z. It is not written down yet (no space left on device); that is tried again until it works, and a restart before would forget it." {
		t.Errorf("%+v", a)
	}
	if a := w.order(t, "corp/old/revoke", because); a.Status != 202 || a.Changed {
		t.Errorf("again: %+v", a)
	}
}

// A disk that hangs: the answer comes after five seconds, even if whoever asked has
// gone in the meantime.
func TestOrdersDoNotWaitForADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old", "new"))
		w.durable = func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		r := request("POST", "/api/v1/keys/corp/old/revoke", because)
		ctx, leave := context.WithCancel(r.Context())
		leave()
		start := time.Now()
		if a := w.do(t, r.WithContext(ctx)); a.Status != 202 || a.Durable || time.Since(start) != 5*time.Second {
			t.Errorf("after %s: %+v", time.Since(start), a)
		}
	})
}

// Without a state directory an order is in force, and the answer has the line that
// keeps it.
func TestOrdersThatAreKeptInMemoryOnly(t *testing.T) {
	print := keyOf("old").Thumbprint()
	for path, want := range map[string]string{
		"old/retire":               `To keep it, add to the keys of corp in the configuration: retired: [{kid: "old", thumbprint: "` + print + `", at: 2026-08-01T12:00:00Z, grace: 1h0m0s, reason: "rotation 7"}]`,
		"old/revoke":               `To keep it, add to the keys of corp in the configuration: revoked: [{kid: "old", thumbprint: "` + print + `", reason: "rotation 7"}]`,
		"a%22b%20%E2%82%AC/retire": `retired: [{kid: "a\"b €", reason: "rotation 7"}]`,
	} {
		w := newWorld(t, corp(t, "old", "new"))
		w.kept = errors.New("kept in memory only: there is no state_dir")
		w.durable = func(context.Context) error { return errors.New("there is nothing to wait for") }
		body := because
		if strings.HasPrefix(path, "a") {
			body = `{"reason": "rotation 7", "unseen": true}`
		}
		a := w.order(t, "corp/"+path, body)
		if a.Status != 200 || !a.InForce || a.Durable || !strings.Contains(a.Detail, "It lasts until this guard restarts: kept in memory only: there is no state_dir. ") || !strings.HasSuffix(a.Detail, want) {
			t.Errorf("%s: %+v", path, a)
		}
	}
	w := newWorld(t, withdrawn(t))
	w.kept = errors.New("kept in memory only")
	if a := w.order(t, "corp/old/reinstate", because); a.Status != 200 || a.Durable || !strings.HasSuffix(a.Detail, "It lasts until this guard restarts: kept in memory only.") {
		t.Errorf("%+v", a)
	}
}

// A guard that hands over keeps nothing, and so takes no orders.
func TestAStoppingGuardTakesNoOrders(t *testing.T) {
	for name, tt := range map[string]struct {
		setup  func(*world)
		detail string
	}{
		"before":            {func(w *world) { w.kept = ErrReleased }, "the guard is stopping; nothing happened: give the order to its successor"},
		"meanwhile":         {func(w *world) { w.fails = ErrReleased }, "the guard is stopping; the order is not in force: give it to its successor"},
		"before it is kept": {func(w *world) { w.durable = func(context.Context) error { return ErrReleased } }, "the guard is stopping; the order is in force until it has stopped, and was not written down: give it to its successor, too"},
	} {
		w := newWorld(t, corp(t, "old", "new"))
		tt.setup(w)
		a := w.order(t, "corp/old/retire", because)
		if seen := w.seen(); a.Status != 503 || a.Detail != tt.detail || a.Header.Get("Retry-After") != "1" || len(seen) != 1 || seen[0].Reason != Stopping {
			t.Errorf("%s: %+v, recorded %+v", name, a, seen)
		}
		if inForce := w.state(t, "old") != keyset.Active; inForce != (name == "before it is kept") {
			t.Errorf("%s: in force: %t", name, inForce)
		}
	}
}

// What widens trust is in force once it is written down, and not before.
func TestAReinstatementThatCannotBeWritten(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("no space left on device"): "the order was not carried out: no space left on device",
		context.DeadlineExceeded:              "the order was not carried out: it took longer than 5s",
	} {
		w := newWorld(t, withdrawn(t))
		w.fails = err
		a := w.order(t, "corp/old/reinstate", because)
		if seen := w.seen(); a.Status != 503 || a.Detail != want || a.InForce || len(seen) != 1 || seen[0].Reason != NotCarriedOut {
			t.Errorf("%+v, recorded %+v", a, seen)
		}
	}
}

// So many may wait at once, and no more; then there is room again.
func TestChangesAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old", "new"))
		w.durable = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		w.refetch = func(ctx context.Context, _ string) (string, string, time.Time, error) {
			<-ctx.Done()
			return "", "", time.Time{}, ctx.Err()
		}
		for _, r := range []func() *http.Request{
			func() *http.Request { return request("POST", "/api/v1/keys/corp/old/retire", because) },
			func() *http.Request { return request("POST", "/api/v1/issuers/corp/refresh", "") },
		} {
			for range concurrentChanges {
				go func() {
					if a := w.do(t, r()); a.Status != 202 {
						t.Errorf("%+v", a)
					}
				}()
			}
			synctest.Wait()
			if a := w.do(t, r()); a.Status != 503 || a.Header.Get("Retry-After") != "1" {
				t.Errorf("%+v", a)
			}
			time.Sleep(refreshWithin + time.Second) // of the bubble
			if a := w.do(t, r()); a.Status != 202 {
				t.Errorf("afterwards: %+v", a)
			}
		}
	})
}

// The server's own limit begins with the request. However much of it the body took,
// whoever gave an order learns what became of it.
func TestTheAnswerToAChangeHasItsOwnTime(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	w.refetch = func(context.Context, string) (string, string, time.Time, error) { return "ok", "", time.Time{}, nil }
	w.serve(t, Config{TokenFile: tokenFile(t, "s3cret-of-operators", 0o600)})
	s := httptest.NewUnstartedServer(w.api)
	s.Config.WriteTimeout = 1 // used up before the handler begins
	s.Start()
	defer s.Close()
	for path, body := range map[string]string{"keys/corp/old/retire": because, "issuers/corp/refresh": ""} {
		r, err := http.NewRequest("POST", s.URL+"/api/v1/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer s3cret-of-operators")
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if resp.Body.Close(); resp.StatusCode != 200 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}
