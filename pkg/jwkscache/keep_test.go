package jwkscache

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

var errFull = errors.New("no space left on device")

// keptEvents are the types of the events that were kept before they were in
// force, with their kids.
func (w *world) keptEvents() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, c := range w.kept {
		for _, e := range c.Events {
			all = append(all, string(e.Type)+" "+e.Kid)
		}
	}
	w.kept = nil
	return strings.Join(all, ", ")
}

// What widens trust is kept first, what narrows it is in force first.
func TestNewKeysAreKeptBeforeTheyCount(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		if got, want := w.keptEvents(), "key_first_seen a, key_state a"; got != want {
			t.Errorf("kept first: %s, want %s", got, want)
		}
		idp.Publish(keyOf("b"))
		idp.Withdraw("a")
		w.next(idp, 6*time.Minute)
		w.wantKeys(c, "a=active b=active")
		w.next(idp, time.Minute) // the confirmation: it narrows
		synctest.Wait()
		w.wantKeys(c, "a=grace b=active")
		if got := w.keptEvents(); strings.Contains(got, "key_removal_confirmed") || !strings.Contains(got, "key_first_seen b") {
			t.Errorf("kept first: %s", got)
		}
	})
}

// While the journal is busy with what a document adds, what the document takes
// away is in force.
func TestNarrowingDoesNotWaitForTheDisk(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.disk(nil, true)
		idp.Withdraw("a")
		idp.PublishJWK(keyOf("a").PrivateJWK())
		idp.Publish(keyOf("c"))
		w.next(idp, 6*time.Minute)
		if k, ok := c.Set().Lookup("a"); !ok || k.State(w.group.clock.Now()) != keyset.Revoked {
			t.Error("the leaked key waits for the disk")
		}
		if _, ok := c.Set().Lookup("c"); ok || !c.Set().Failing() {
			t.Error("the new key is there before it is kept, or is told to be unknown")
		}
		pass(keptWithin)
		w.wantKeys(c, "a=revoked! b=active c=active") // a disk that fails does not hold it back
	})
}

// A strict group holds new keys back for as long as they cannot be kept, and
// nothing else.
func TestStrictGroupHoldsNewKeysBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, GroupConfig{Strict: true})
		defer w.run()()
		idp := newIssuer("idp.test", "a")
		w.disk(errFull, false)
		c := w.adopt(configOf(idp))
		pass(5 * time.Second)
		if !c.Set().Observed().IsZero() || !c.Set().Failing() {
			t.Error("the first document counts, though none of its keys does")
		}
		w.disk(nil, false)
		pass(heldRetry)
		w.wantKeys(c, "a=active")

		w.disk(errFull, false)
		idp.Publish(keyOf("b"))
		w.next(idp, 6*time.Minute)
		pass(10 * time.Second)
		w.wantKeys(c, "a=active")
		idp.Withdraw("a")
		w.next(idp, 6*time.Minute)
		w.next(idp, time.Minute)
		synctest.Wait()
		w.wantKeys(c, "a=grace")
		w.disk(nil, false)
		pass(heldRetry)
		w.wantKeys(c, "a=grace b=active")
		w.events()
		pass(10 * heldRetry)
		w.wantEvents() // nothing is tried again
	})
}

// A guard that starts again knows what it knew, also of issuers that the
// configuration names later, or under another one.
func TestRestoredSetsAreInForceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		idp, other := newIssuer("idp.test", "a", "b"), newIssuer("other.test", "b", "x")
		stop := w.run()
		c := w.adopt(configOf(idp))
		pass(time.Second)
		for _, o := range []keyset.Order{order1(keyset.Retire, "a"), order1(keyset.Revoke, "b")} {
			if changed, durable, err := w.group.Order(t.Context(), "idp.test", o, admit); !changed || err != nil || durable(t.Context()) != nil {
				t.Fatal(changed, err)
			}
		}
		stop()
		last := w.group.clock.Now().Life
		restored := keyset.Restore(c.Set().Observed(), c.Set().Keys())

		w = newWorldOf(t, GroupConfig{Clock: NewClock(nil, last), Restored: map[string]*keyset.Set{idp.URL: restored}})
		defer w.run()()
		x := w.adopt(configOf(other))
		pass(time.Second)
		w.wantKeys(x, "b=revoked! x=active") // it is distrusted everywhere
		idp.Fail(devissuer.JWKSPath, devissuer.StatusFault(503))
		c = w.adopt(configOf(idp), configOf(other))
		w.wantKeys(c, "a=retired! b=revoked!")
	})
}

func admit(*keyset.Set, keyset.Instant) error { return nil }

func TestOrdersAreCarriedOutByTheOwner(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp, other := newIssuer("idp.test", "a", "b"), newIssuer("other.test", "a", "b")
		c := w.adopt(configOf(idp), configOf(other))
		pass(time.Second)
		w.events()
		no := errors.New("no")
		if _, _, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Retire, "a"), func(s *keyset.Set, _ keyset.Instant) error {
			if len(s.Keys()) != 2 {
				t.Error("not shown the set")
			}
			return no
		}); err != no {
			t.Error(err)
		}
		w.wantEvents()
		if _, _, err := w.group.Order(t.Context(), "nobody", order1(keyset.Retire, "a"), admit); err != ErrNoIssuer {
			t.Error(err)
		}
		if _, _, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Reinstate, "x"), admit); !errors.Is(err, keyset.ErrUnknownKey) {
			t.Error(err)
		}
		w.disk(errFull, false)
		changed, durable, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Revoke, "a"), admit)
		if !changed || err != nil || durable(t.Context()) != errFull {
			t.Error(changed, err)
		}
		w.wantKeys(c, "a=revoked! b=active")
		if k, _ := w.group.members[other.URL].Set().Lookup("a"); k.RevokedAt.IsZero() {
			t.Error("trusted under the other issuer when the order is done")
		}
		if changed, _, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Revoke, "a"), admit); changed || err != nil {
			t.Error(changed, err)
		}
	})
}

// A reinstatement widens trust: it is kept first, or not in force.
func TestReinstatementThatCannotBeKeptIsNotInForce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		if _, _, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Retire, "a"), admit); err != nil {
			t.Fatal(err)
		}
		for _, hung := range []bool{false, true} {
			w.disk(errFull, hung)
			if changed, _, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Reinstate, "a"), admit); changed || !errors.Is(err, ErrNotKept) {
				t.Error(changed, err)
			}
			w.wantKeys(c, "a=retired! b=active")
		}
		w.disk(nil, false)
		n := len(asked(idp))
		if changed, durable, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Reinstate, "a"), admit); !changed || err != nil || durable(t.Context()) != nil {
			t.Error(changed, err)
		}
		w.wantKeys(c, "a=active b=active")
		pass(mostOften)
		if len(asked(idp)) == n {
			t.Error("the issuer was not asked whether it lists the key")
		}
	})
}

// Whoever gives up waiting for an order knows that it will not happen.
func TestOrderThatWasGivenUpDoesNotHappen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.disk(nil, true)
		idp.Publish(keyOf("c"))
		w.next(idp, 6*time.Minute) // the owner waits for the disk
		ctx, cancel := context.WithTimeout(t.Context(), keptWithin/2)
		defer cancel()
		if _, _, err := w.group.Order(ctx, "idp.test", order1(keyset.Retire, "a"), admit); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		w.disk(nil, false)
		pass(time.Minute)
		w.wantKeys(c, "a=active b=active c=active")
	})
}

func TestOrdersToStoppedGuardAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.adopt(configOf(newIssuer("idp.test", "a")))
		if _, _, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Retire, "a"), admit); !errors.Is(err, ErrStopped) {
			t.Error("before it runs:", err)
		}
		stop := w.run()
		pass(time.Second)
		stop()
		if _, _, err := w.group.Order(t.Context(), "idp.test", order1(keyset.Retire, "a"), admit); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
		if _, _, _, err := w.group.Refetch(t.Context(), "idp.test"); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
	})
}

// Somebody who asks for the keys gets an answer of the origin, within the budget.
func TestRefetchWaitsForTheBudgetAndAnswers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		idp.Publish(keyOf("b"))
		began := time.Now()
		results := make(chan string, 3)
		for range 3 {
			go func() {
				result, detail, due, err := w.group.Refetch(t.Context(), "idp.test")
				if err != nil || !due.IsZero() {
					t.Error(due, err)
				}
				results <- result + detail
			}()
		}
		for range 3 {
			if got := <-results; got != "ok" {
				t.Error(got)
			}
		}
		if took := time.Since(began); took < mostOften-time.Second || took > mostOften {
			t.Errorf("took %s", took)
		}
		w.wantKeys(c, "a=active b=active")
		if r := asked(idp); len(r) != 2 || !pastCaches(r[1]) {
			t.Errorf("%d requests", len(r))
		}
		if _, _, _, err := w.group.Refetch(t.Context(), "nobody"); err != ErrNoIssuer {
			t.Error(err)
		}
	})
}

// A fetch that is given up has no result: whoever waits is told why.
func TestRefetchThatIsGivenUpIsAnError(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		cfg := configOf(idp)
		w.adopt(cfg)
		pass(time.Minute)
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: 3 * time.Second})
		failed := make(chan error, 1)
		go func() {
			result, _, _, err := w.group.Refetch(t.Context(), "idp.test")
			if result != "" {
				t.Error(result)
			}
			failed <- err
		}()
		pass(time.Second)
		cfg.Source.URI += "?other"
		w.adopt(cfg)
		if err := <-failed; !errors.Is(err, errReconfigured) {
			t.Error(err)
		}
	})
}

// Who would wait in vain is told at once when the fetch will be made, and why not
// sooner; and then it is made.
func TestRefetchThatIsFarOffTellsWhen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		w.adopt(configOf(idp))
		pass(time.Second)
		refetch := func(patience time.Duration) (result, detail string, due time.Time, err error) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			return w.group.Refetch(ctx, "idp.test")
		}
		far := func(about, why string, least, most time.Duration) {
			t.Helper()
			before, fetches := time.Now(), len(asked(idp))
			result, detail, due, err := refetch(least - time.Second)
			if wait := due.Sub(before); result != "" || err != nil || detail != why || wait < least || wait > most || !time.Now().Equal(before) {
				t.Fatalf("%s: %q, due in %s, %q, %v after %s", about, result, wait, detail, err, time.Since(before))
			}
			pass(time.Until(due) - time.Millisecond)
			if n := len(asked(idp)) - fetches; n != 0 {
				t.Errorf("%s: %d fetches before it was due", about, n)
			}
			pass(time.Second)
			if n := len(asked(idp)) - fetches; n != 1 {
				t.Errorf("%s: %d fetches", about, n)
			}
		}
		far("the budget", "an issuer's keys are fetched once in 10s at most, whoever asks", mostOften-2*time.Second, mostOften)
		idp.Fail(devissuer.JWKSPath, devissuer.StatusFault(503, "Retry-After", "60"))
		pass(mostOften)
		if result, _, due, err := refetch(time.Minute); result != "http_status" || !due.IsZero() || err != nil {
			t.Fatal(result, due, err)
		}
		far("Retry-After", "the last fetch did not work, and its answer asked for no other one before (Retry-After)", 59*time.Second, 66*time.Second)

		// One that is under way when patience ends is still to come.
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: 3 * time.Second})
		pass(5 * time.Minute)
		if _, _, due, err := refetch(time.Second); !errors.Is(err, context.DeadlineExceeded) || !due.IsZero() {
			t.Error(due, err)
		}
	})
}

// Whoever has mended the issuer does not wait for the back-off of an outage that lasted.
func TestAnOperatorDoesNotWaitForTheBackOff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Reset: true})
		c := w.adopt(configOf(idp))
		for range 7 {
			w.next(idp, 6*time.Minute)
		}
		pass(mostOften)
		idp.Heal()
		fetches := len(asked(idp))
		for range 5 {
			c.Refresh(t.Context(), 0)
			pass(time.Second)
		}
		if n := len(asked(idp)) - fetches; n != 0 {
			t.Errorf("traffic brought %d fetches forward", n)
		}
		before := time.Now()
		if result, detail, due, err := w.group.Refetch(t.Context(), "idp.test"); result != "ok" || !due.IsZero() || err != nil || time.Since(before) > time.Second {
			t.Errorf("%q, %q, due at %s, %v after %s", result, detail, due, err, time.Since(before))
		}
		w.wantKeys(c, "a=active")
	})
}

// Lifecycle time that runs ahead of the wall clock after a restart freezes
// nothing, and is told.
func TestClockThatWasAheadFreezesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, GroupConfig{Clock: NewClock(nil, time.Now().Add(24*time.Hour))})
		defer w.run()()
		idp := newIssuer("idp.test", "a")
		cfg := configOf(idp)
		cfg.Params.ActivationDelay = 10 * time.Minute
		c := w.adopt(cfg)
		pass(time.Second)
		if told := w.events(); !slices.Contains(told, "anomaly clock_step") {
			t.Error(told)
		}
		w.wantKeys(c, "a=pending")
		pass(10 * time.Minute)
		w.wantKeys(c, "a=active")
		idp.Publish(keyOf("b"))
		pass(16 * time.Minute)
		w.wantKeys(c, "a=active b=active")
		idp.Withdraw("a")
		pass(7 * time.Minute)
		w.wantKeys(c, "a=grace b=active")
		pass(time.Hour)
		w.wantKeys(c, "a=retired! b=active")
	})
}

// What is held back of one source's document says nothing about another source.
func TestHeldDocumentGoesWithItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, GroupConfig{Strict: true})
		defer w.run()()
		idp := newIssuer("idp.test", "a")
		cfg := configOf(idp)
		w.adopt(cfg)
		pass(time.Second)
		w.disk(errFull, false)
		idp.Publish(keyOf("b"))
		w.next(idp, 6*time.Minute)
		w.events()
		idp.Fail(devissuer.JWKSPath, devissuer.StatusFault(503))
		cfg.Source.Timeout = time.Second // another source
		w.adopt(cfg)
		w.disk(nil, false)
		pass(time.Minute)
		w.wantEvents() // no removal
	})
}

// A guard that comes back under a clock before the last time on record does not
// know how long it was down: a step back opens nothing.
func TestClockBehindAtRestartOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := newIssuer("idp.test", "a", "b")
		w := newWorld(t)
		stop := w.run()
		c := w.adopt(configOf(idp))
		pass(time.Minute)
		idp.Withdraw("a")
		pass(6 * time.Minute)
		w.wantKeys(c, "a=grace b=active")
		last, set := w.group.clock.Now().Life, c.Set()
		stop()
		idp.Fail(devissuer.JWKSPath, devissuer.StatusFault(503))
		pass(12 * time.Hour)
		for _, behind := range []time.Duration{0, -24 * time.Hour} {
			w := &world{ahead: behind}
			w = newWorldOf(t, GroupConfig{Clock: NewClock(w.wall, last), Restored: map[string]*keyset.Set{idp.URL: set}})
			stop := w.run()
			c := w.adopt(configOf(idp))
			w.wantKeys(c, "a=retired! b=active")
			if !c.Set().Stale(w.group.clock.Now()) {
				t.Errorf("%s behind: keys of %s ago are used", behind, 12*time.Hour)
			}
			stop()
		}
		w = newWorldOf(t, GroupConfig{Clock: NewClock(nil, time.Now().Add(24*time.Hour)), Restored: map[string]*keyset.Set{idp.URL: set}})
		defer w.run()()
		c = w.adopt(configOf(idp))
		idp.Heal()
		pass(12 * time.Second) // the fetch that failed is tried again
		if c.Set().Stale(w.group.clock.Now()) {
			t.Error("a fetch does not mend it")
		}
	})
}
