package jwkscache

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// quiet is a time within which no fetch is due but one that is asked for: after
// the gap, before the interval.
const quiet = 20 * time.Second

func TestThousandCallersShareOneFetch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		c := w.adopt(configOf(idp))
		pass(quiet)
		idp.Publish(keyOf("b"))
		idp.FailNext(devissuer.JWKSPath, devissuer.Fault{Delay: 60 * time.Millisecond})
		before, start := len(asked(idp)), time.Now()

		var served atomic.Int32
		var callers sync.WaitGroup
		for range 1000 {
			callers.Go(func() {
				if c.Refresh(t.Context(), time.Minute) {
					if _, ok := c.Set().Lookup("b"); ok {
						served.Add(1)
					}
				}
			})
		}
		callers.Wait()
		if n := served.Load(); n != 1000 || time.Since(start) != 60*time.Millisecond {
			t.Errorf("%d served after %s", n, time.Since(start))
		}
		got := asked(idp)[before:]
		if len(got) != 1 || !pastCaches(got[0]) {
			t.Errorf("%d fetches, %v", len(got), got)
		}
		if f := w.reports(); f[len(f)-1].Cause != CauseUnknownKid {
			t.Errorf("cause %s", f[len(f)-1].Cause)
		}
	})
}

func TestRefreshWaitsNoLongerThanItMay(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		name  string
		delay time.Duration // of the answer
		wait  time.Duration
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		took  time.Duration
		ok    bool
	}{
		{"answered at once", 0, time.Minute, nil, 0, true},
		{"answered in time", 99 * time.Millisecond, time.Minute, nil, 99 * time.Millisecond, true},
		{"the configuration's bound", 200 * time.Millisecond, time.Minute, nil, 100 * time.Millisecond, false},
		{"the caller's bound", 50 * time.Millisecond, 40 * time.Millisecond, nil, 40 * time.Millisecond, false},
		{"no wait", 0, 0, nil, 0, false},
		{"less than no wait", 0, -time.Second, nil, 0, false},
		{"the context ends", 90 * time.Millisecond, time.Minute, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 30*time.Millisecond)
		}, 30 * time.Millisecond, false},
		{"the context has ended", 90 * time.Millisecond, time.Minute, func(context.Context) (context.Context, context.CancelFunc) {
			return ended, func() {}
		}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "a")
				c := w.adopt(configOf(idp))
				pass(quiet)
				idp.FailNext(devissuer.JWKSPath, devissuer.Fault{Delay: tt.delay})
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if tt.ctx != nil {
					ctx, cancel = tt.ctx(ctx)
				}
				defer cancel()
				n, start := len(asked(idp)), time.Now()
				ok := c.Refresh(ctx, tt.wait)
				if took := time.Since(start); ok != tt.ok || took != tt.took {
					t.Errorf("%v after %s, want %v after %s", ok, took, tt.ok, tt.took)
				}
				pass(time.Second)
				if got := len(asked(idp)) - n; got != 1 {
					t.Errorf("%d fetches: who leaves does not take the fetch along", got)
				}
			})
		})
	}
}

func TestFailedFetchIsNoAnswerToARefresh(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		c := w.adopt(configOf(idp))
		pass(quiet)
		idp.Fail(devissuer.JWKSPath, devissuer.StatusFault(500))
		if c.Refresh(t.Context(), time.Minute) {
			t.Error("a failed fetch is taken for an answer")
		}
	})
}

// During the cooldown nobody waits, after a fetch that worked as after one that
// did not.
func TestCooldownAnswersAtOnce(t *testing.T) {
	for _, fault := range []devissuer.Fault{{}, devissuer.StatusFault(500)} {
		inWorld(t, func(t *testing.T, w *world) {
			idp := newIssuer("idp.test", "a")
			c := w.adopt(configOf(idp))
			pass(quiet)
			idp.FailNext(devissuer.JWKSPath, fault)
			c.Refresh(t.Context(), time.Minute)
			n, start := len(asked(idp)), time.Now()
			for range 1000 {
				if c.Refresh(t.Context(), time.Minute) {
					t.Error("granted in the cooldown")
				}
			}
			if time.Since(start) != 0 || len(asked(idp)) != n {
				t.Errorf("after %s and %d fetches", time.Since(start), len(asked(idp))-n)
			}
			pass(30 * time.Second)
			if fault.Status == 0 && !c.Refresh(t.Context(), time.Minute) {
				t.Error("not granted after the cooldown")
			}
		})
	}
}

func TestFetchUnderWayServesWhoAsks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		idp.FailNext(devissuer.JWKSPath, devissuer.Fault{Delay: time.Second})
		c := w.adopt(configOf(idp))
		w.next(idp, time.Second) // the first fetch, for which nobody asked
		pass(950*time.Millisecond - 50*time.Millisecond)
		start := time.Now()
		if !c.Refresh(t.Context(), time.Minute) || time.Since(start) > 100*time.Millisecond {
			t.Errorf("not served by the fetch under way, after %s", time.Since(start))
		}
		if len(asked(idp)) != 1 {
			t.Errorf("%d fetches", len(asked(idp)))
		}
	})
}

// Nobody waits for a fetch that cannot begin in time: so soon after the last one,
// or while the server asked to be left alone.
func TestNobodyWaitsForAFetchThatCannotBegin(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault devissuer.Fault
		after time.Duration // the last fetch
	}{
		{"so soon after the last one", devissuer.Fault{}, time.Second},
		{"in the back-off", devissuer.StatusFault(429, "Retry-After", "200"), time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "a")
				idp.FailNext(devissuer.JWKSPath, tt.fault)
				c := w.adopt(configOf(idp))
				w.next(idp, time.Second)
				pass(tt.after)
				start := time.Now()
				for range 1000 {
					c.Refresh(t.Context(), time.Minute)
				}
				if took := time.Since(start); took != 0 {
					t.Errorf("waited %s", took)
				}
				// What was asked for is not forgotten.
				w.reports()
				w.next(idp, 221*time.Second)
				pass(time.Second)
				if f := w.reports(); len(f) != 1 || f[0].Cause != CauseUnknownKid {
					t.Errorf("fetches: %v", f)
				}
			})
		})
	}
}

// The cooldown counts from the fetch, not from the request that asked for it:
// between the two lie the back-off and whatever the server asked for.
func TestCooldownCountsFromTheFetch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		idp.FailNext(devissuer.JWKSPath, devissuer.StatusFault(429, "Retry-After", "200"))
		c := w.adopt(configOf(idp))
		pass(time.Second)
		for range 3600 { // a flood of an hour
			c.Refresh(t.Context(), 0)
			pass(time.Second)
		}
		var last time.Time
		for _, f := range w.reports() {
			if f.Cause != CauseUnknownKid {
				continue
			}
			if gap := f.asked.Sub(last); gap < 30*time.Second {
				t.Errorf("asked for unknown kids again after %s", gap)
			}
			last = f.asked
		}
		if last.IsZero() {
			t.Error("nothing was asked")
		}
	})
}

func TestRefreshOfAStoppedCacheEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		idp := newIssuer("idp.test", "a")
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: time.Hour})
		c := w.adopt(configOf(idp))
		stop := w.run()
		pass(time.Second) // a fetch is under way
		answered := make(chan time.Duration)
		start := time.Now()
		go func() {
			if c.Refresh(t.Context(), time.Minute) {
				t.Error("an answer of a cache that stops")
			}
			answered <- time.Since(start)
		}()
		synctest.Wait()
		go stop()
		if took := <-answered; took != 0 {
			t.Errorf("waited %s for a cache that stops", took)
		}
		pass(time.Hour)
		start = time.Now()
		for range 3 {
			if c.Refresh(t.Context(), time.Minute) {
				t.Error("an answer of a cache that stopped")
			}
		}
		if took := time.Since(start); took > 300*time.Millisecond {
			t.Errorf("waited %s for a cache that stopped", took)
		}
	})
}
