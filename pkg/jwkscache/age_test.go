package jwkscache

import (
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// An answer speaks of the time at which it left the origin.
func TestAgeDatesTheObservation(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		slow := devissuer.HeaderFault("Age", "600")
		slow.Delay = 2 * time.Second
		idp.FailNext(devissuer.JWKSPath, slow)
		idp.SetHeader("Age", "600")
		c := w.adopt(configOf(idp))
		r := w.next(idp, time.Second)
		pass(3 * time.Second)
		if got := c.Set().Observed(); !got.Life.Equal(r.At.Add(-10*time.Minute)) || !got.Wall.Equal(r.At.Add(-10*time.Minute)) {
			t.Errorf("observed %v, asked at %s with an age of ten minutes", got, r.At)
		}
		idp.Withdraw("a")
		missed := w.next(idp, 6*time.Minute)
		ref, _ := c.Set().Lookup("a")
		if want := missed.At.Add(-10 * time.Minute); !ref.LeftAt.Equal(want) {
			t.Errorf("left at %s, want %s", ref.LeftAt, want)
		}
	})
}

// A copy older than what is known neither adds nor withdraws, and does not make
// the set younger; but whoever holds it has answered.
func TestOldCopyTellsNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		idp.PublishJWK(devissuer.JWK{"kty": "AKP", "kid": "pq"})
		c := w.adopt(configOf(idp))
		pass(time.Second)
		w.events()
		w.reports()
		seen := c.Set().Observed()
		idp.Replace(keyOf("b"), keyOf("old"))
		idp.SetHeader("Age", "3600")
		pass(30 * time.Minute)
		w.wantKeys(c, "a=active b=active")
		w.wantEvents()
		if c.Set().Observed() != seen {
			t.Error("the set grew younger by an old copy")
		}
		for _, f := range w.reports() {
			if f.Err != nil || f.Keys != 2 || len(f.Skipped) > 0 {
				t.Errorf("%d keys, skipped %v, %v", f.Keys, f.Skipped, f.Err)
			}
		}
		// "Not modified" about the old copy, of now, makes it the present one.
		idp.SetHeader("Age", "")
		pass(7 * time.Minute)
		w.wantKeys(c, "a=grace b=active old=active")
	})
}

// An old copy in answer to the confirmation confirms nothing.
func TestOldCopyConfirmsNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a", "b")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		idp.Withdraw("a")
		w.next(idp, 6*time.Minute)
		idp.SetHeader("Age", "20")
		confirm := w.next(idp, time.Minute) // of a moment 10 s after the first absence
		w.wantKeys(c, "a=active b=active")
		again := w.next(idp, time.Minute)
		if gap := again.At.Sub(confirm.At); gap < 10*time.Second {
			t.Errorf("asked again after %s", gap)
		}
		pass(20 * time.Second)
		w.wantKeys(c, "a=grace b=active")
	})
}

// A copy that is older than max_stale is no observation, and counts as a failure.
func TestCopyOlderThanMaxStaleIsAFailure(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		idp.SetHeader("Age", "14401")
		c := w.adopt(configOf(idp))
		pass(time.Second)
		if !c.Set().Observed().IsZero() || !c.Set().Failing() || c.Status().Usable {
			t.Errorf("observed %v", c.Set().Observed())
		}
		f := w.reports()
		if len(f) != 1 || f[0].Result != ResultMalformed || !strings.Contains(f[0].Err.Error(),
			"https://idp.test/jwks.json: the answer is 4h0m1s old by its Age header, and max_stale is 4h0m0s") {
			t.Errorf("%+v", f)
		}
		if s := c.Status(); s.LastResult != ResultMalformed || s.LastError != f[0].Err.Error() || !s.LastSuccess.IsZero() {
			t.Errorf("status %+v", s)
		}
		idp.SetHeader("Age", "14400") // exactly as old as it may be
		pass(time.Minute)
		w.wantKeys(c, "a=active")
	})
}

// Keys in the configuration do not age.
func TestInlineIsNeverStale(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		doc := documentOf("a")
		cfg := Config{Name: "idp", Issuer: "https://idp.test", Source: Source{Inline: doc},
			Params: keyset.Params{Interval: 5 * time.Minute, Grace: time.Hour, RemovalConfirm: 30 * time.Second}}
		c := w.adopt(cfg)
		pass(time.Millisecond)
		w.wantKeys(c, "a=active") // at once: there is nobody to spare
		pass(time.Minute)
		w.step(100 * time.Hour)
		if !c.Set().Usable(w.group.clock.Now()) {
			t.Error("stale")
		}
		w.step(-200 * time.Hour)
		pass(10 * time.Hour)
		w.wantKeys(c, "a=active")

		cfg.Source.Inline = documentOf("b")
		w.adopt(cfg)
		pass(time.Second)
		w.wantKeys(c, "a=active b=active")
		pass(30 * time.Second)
		w.wantKeys(c, "a=grace b=active")
	})
}
