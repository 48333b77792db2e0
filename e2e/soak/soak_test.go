package soak

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// A plan is how long and how hard a soak goes.
type plan struct {
	duration time.Duration
	pace     rate.Limit    // checks a second, at most
	cache    int64         // token_cache.max_bytes: little enough to be full early
	reload   time.Duration // between two readings of the configuration, by and large
	seed     uint64
}

// short is the plan of `make test`: other tests run beside it.
var short = plan{duration: 7 * time.Second, pace: 2000, cache: 128 << 10, reload: 3 * time.Second}

// long is that of `make soak`.
var long = plan{pace: rate.Inf, cache: 2 << 20, reload: 10 * time.Second}

// patience is how much longer a soak may go on until all has happened that must.
const patience = 90 * time.Second

// TestSoak soaks a guard for some seconds, or for SOAK_DURATION (5m). SOAK_SEED
// repeats the choices of a run; when they fall is up to the scheduler.
func TestSoak(t *testing.T) {
	p := newPlan(t)
	t.Logf("SOAK_SEED=%d", p.seed)
	w := newWorld(t, p)
	before := w.idleGoroutines()

	ctx, cancel := context.WithTimeout(t.Context(), p.duration+patience)
	defer cancel()
	w.stop = cancel
	w.start(ctx)
	samples := w.watch(ctx)
	cancel()
	w.running.Wait()

	if err := ctx.Err(); err == context.DeadlineExceeded {
		t.Errorf("%v after its time, the soak has not had %q, or the token cache was never full", patience, w.crowd.missing())
	}
	whole := !t.Failed()
	w.crowd.hangUp()
	w.calm()
	w.awaitGoroutines(before)
	if whole {
		w.flat(samples)
	}
	w.account()
}

func newPlan(t *testing.T) plan {
	p := short
	if s := os.Getenv("SOAK_DURATION"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("SOAK_DURATION: %v", err)
		}
		if d < short.duration {
			t.Fatalf("SOAK_DURATION: %v is less than what make test does (%v)", d, short.duration)
		}
		p = long
		p.duration = d
	}
	p.seed = rand.Uint64()
	if s := os.Getenv("SOAK_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("SOAK_SEED: %v", err)
		}
		p.seed = seed
	}
	return p
}

// chance is the source of the choices of one actor.
func (p plan) chance(actor uint64) *rand.Rand { return rand.New(rand.NewPCG(p.seed, actor)) }

// pause waits; false means that the soak is over.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// between is a random duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}
