package jwkscache

import (
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

func TestLifecycleTimeBeginsAtTheLaterClock(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	wall := func() time.Time { return now }
	for _, tt := range []struct {
		name       string
		last, want time.Time
		drift      time.Duration
	}{
		{"nothing remembered", time.Time{}, now, 0},
		{"an earlier time", now.Add(-time.Hour), now, 0},
		{"a later time", now.Add(time.Hour).In(time.FixedZone("", 3600)), now.Add(time.Hour), -time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, _ *world) {
				c := NewClock(wall, tt.last)
				pass(time.Second) // the monotonic clock alone
				got := c.Now()
				if !got.Life.Equal(tt.want.Add(time.Second)) || got.Life.Location() != time.UTC || !got.Wall.Equal(now) {
					t.Errorf("%+v, want %s", got, tt.want)
				}
				if c.Drift() != tt.drift-time.Second {
					t.Errorf("drift %s", c.Drift())
				}
			})
		})
	}
}

// A set is stale when it is old on either clock.
func TestStaleOnEitherClock(t *testing.T) {
	for _, tt := range []struct {
		name      string
		pass, hop time.Duration
		stale     bool
	}{
		{"young on both", 3*time.Hour + 50*time.Minute, 0, false},
		{"old on both", 4*time.Hour + time.Minute, 0, true},
		{"the machine was suspended", time.Minute, 4 * time.Hour, true},
		{"the wall clock went back a day", 4*time.Hour + time.Minute, -24 * time.Hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "a")
				c := w.adopt(configOf(idp))
				pass(time.Second)
				idp.Fail(devissuer.JWKSPath, devissuer.StatusFault(500))
				pass(tt.pass)
				w.step(tt.hop)
				now := w.group.clock.Now()
				if c.Set().Stale(now) != tt.stale || c.Set().Usable(now) == tt.stale {
					t.Errorf("stale %v, usable %v", c.Set().Stale(now), c.Set().Usable(now))
				}
				if !c.Status().Usable {
					t.Error("it was usable once")
				}
			})
		})
	}
}

// A step of the wall clock is told, and every issuer asked again within a second
// of it, past all caches; a small one is not worth it.
func TestClockStep(t *testing.T) {
	for _, tt := range []struct {
		hop  time.Duration
		told bool
	}{
		{5 * time.Second, false}, {-5 * time.Second, false},
		{5*time.Second + time.Millisecond, true}, {-5*time.Second - time.Millisecond, true},
		{5 * time.Hour, true}, {-24 * time.Hour, true},
	} {
		t.Run(tt.hop.String(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "a")
				c := w.adopt(configOf(idp))
				pass(time.Minute)
				w.events()
				n := len(asked(idp))
				w.step(tt.hop)
				if tt.hop > 4*time.Hour && c.Set().Usable(w.group.clock.Now()) {
					t.Error("usable although nobody can tell how old the keys are")
				}
				pass(1001 * time.Millisecond)
				got := asked(idp)[n:]
				if !tt.told {
					w.wantEvents()
					if len(got) > 0 {
						t.Error("asked again")
					}
					return
				}
				w.wantEvents("anomaly clock_step")
				if len(got) != 1 || !pastCaches(got[0]) {
					t.Errorf("asked %d times: %v", len(got), got)
				}
				if !c.Set().Usable(w.group.clock.Now()) {
					t.Error("not usable after the refresh")
				}
				pass(time.Minute)
				w.wantEvents() // told once
			})
		})
	}
}

// A clock that steps right after a fetch does not make two of them meet.
func TestClockStepKeepsTheGap(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		w.adopt(configOf(idp))
		first := w.next(idp, time.Second)
		w.step(time.Hour)
		second := w.next(idp, 12*time.Second)
		if gap := second.At.Sub(first.At); gap < 10*time.Second || gap > 11*time.Second {
			t.Errorf("asked again after %s", gap)
		}
	})
}

// A step ahead closes what it overtakes; the step back to the right time opens
// what no observation did, but makes nothing final.
func TestClockStepOpensNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		idp.Withdraw("a")
		missed := w.next(idp, 6*time.Minute)
		pass(time.Minute)
		w.wantKeys(c, "a=grace b=active")

		w.step(2 * time.Hour)
		w.wantKeys(c, "a=retired b=active")
		pass(time.Minute)
		w.wantKeys(c, "a=retired b=active") // not final: the clock may be wrong
		w.step(-2 * time.Hour)
		pass(time.Minute)
		w.wantKeys(c, "a=grace b=active")

		// Back by a day: the deadline comes all the same, and stays.
		w.step(-24 * time.Hour)
		w.until(missed.At.Add(time.Hour + time.Millisecond))
		w.wantKeys(c, "a=retired! b=active")
		w.step(-24 * time.Hour)
		pass(time.Minute)
		w.wantKeys(c, "a=retired! b=active")
	})
}
