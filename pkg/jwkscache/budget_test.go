package jwkscache

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Whatever happens, and whatever is asked for, an issuer is asked no more often
// than it may be: floods of unknown kids, steps of the clock, confirmations,
// reloads and failures, in random order.
func TestBudgetUnderEverything(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := &budget{world: w, r: rand.New(rand.NewPCG(seed, 0)), idp: newIssuer("idp.test", "a", "b")}
				b.cfg = configOf(b.idp)
				b.cfg.Params.Interval = []time.Duration{3 * time.Second, 12 * time.Second, time.Minute, 5 * time.Minute}[b.r.IntN(4)]
				b.cfg.Cooldown = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute}[b.r.IntN(3)]
				b.cache = w.adopt(b.cfg)
				for range 300 {
					b.act()
					pass(time.Duration(b.r.Int64N(int64(15 * time.Second))))
				}
				b.check()
			})
		})
	}
}

type budget struct {
	*world
	r       *rand.Rand
	idp     *devissuer.Issuer
	cfg     Config
	cache   *Cache
	sources []time.Time // when another source was configured
}

// act does one thing that may lead to a fetch.
func (b *budget) act() {
	switch b.r.IntN(9) {
	case 0, 1:
		for range 50 {
			b.cache.Refresh(b.t.Context(), time.Duration(b.r.Int64N(int64(200*time.Millisecond))))
		}
	case 2:
		b.step(time.Duration(b.r.Int64N(int64(10*time.Hour))) - 5*time.Hour)
	case 3:
		b.idp.Replace(keyOf("a"), keyOf([]string{"b", "c", "d"}[b.r.IntN(3)]))
	case 4:
		b.cfg.Params.Grace = time.Duration(b.r.Int64N(int64(time.Hour)))
		if b.r.IntN(4) == 0 {
			b.cfg.Source.Timeout = time.Duration(1+b.r.IntN(20)) * time.Second
			b.sources = append(b.sources, time.Now())
		}
		b.adopt(b.cfg)
	case 5, 6:
		b.idp.Fail(devissuer.JWKSPath, []devissuer.Fault{
			devissuer.StatusFault(http.StatusInternalServerError),
			devissuer.StatusFault(http.StatusTooManyRequests, "Retry-After", strconv.Itoa(b.r.IntN(400))),
			{Reset: true}, {Truncate: true}, {Delay: 30 * time.Second}, {Delay: 900 * time.Millisecond},
			devissuer.HeaderFault("Age", strconv.Itoa(b.r.IntN(20_000))),
			devissuer.HeaderFault("Cache-Control", "max-age="+strconv.Itoa(b.r.IntN(100))),
		}[b.r.IntN(8)])
	default:
		b.idp.Heal()
	}
}

func (b *budget) check() {
	gap := min(10*time.Second, b.cfg.Params.Interval)
	requests := asked(b.idp)
	for i, r := range requests[1:] {
		if d := r.At.Sub(requests[i].At); d < gap {
			b.t.Errorf("asked %s after the last time", d)
		}
	}
	var search time.Time
	var earliest time.Time // the next attempt, after failures
	failures := 0
	for _, f := range b.reports() {
		landed := f.asked.Add(f.Took)
		for len(b.sources) > 0 && !f.asked.Before(b.sources[0]) {
			b.sources, earliest, failures = b.sources[1:], time.Time{}, 0
		}
		if f.asked.Before(earliest) {
			b.t.Errorf("%s: asked %s earlier than the back-off allows", f.Cause, earliest.Sub(f.asked))
		}
		if f.Cause == CauseUnknownKid {
			if d := f.asked.Sub(search); !search.IsZero() && d < b.cfg.Cooldown {
				b.t.Errorf("asked for unknown kids %s after the last time", d)
			}
			search = f.asked
		}
		earliest = time.Time{}
		if f.Err == nil {
			failures = 0
			continue
		}
		backoff := max(gap, time.Second)
		for range failures {
			backoff = min(2*backoff, b.cfg.Params.Interval)
		}
		failures++
		backoff -= backoff / 10
		var failure *FetchError
		if errors.As(f.Err, &failure) {
			backoff = max(backoff, failure.RetryAfter)
		}
		earliest = landed.Add(min(backoff, b.cfg.Params.Interval))
	}
}

// Left alone, an issuer is asked once in each interval, a tenth more or less.
func TestIntervalHasItsJitter(t *testing.T) {
	for _, tt := range []struct {
		name     string
		header   []string
		interval time.Duration
		want     time.Duration
	}{
		{"nothing said", nil, 5 * time.Minute, 5 * time.Minute},
		{"max-age shortens", []string{"Cache-Control", "max-age=60"}, 5 * time.Minute, time.Minute},
		{"Age is part of it", []string{"Cache-Control", "max-age=100", "Age", "40"}, 5 * time.Minute, time.Minute},
		{"no less than 30 s", []string{"Cache-Control", "max-age=1"}, 5 * time.Minute, 30 * time.Second},
		{"no-store", []string{"Cache-Control", "no-store"}, 5 * time.Minute, 30 * time.Second},
		{"stale already", []string{"Cache-Control", "max-age=10", "Age", "600"}, 5 * time.Minute, 30 * time.Second},
		{"max-age never lengthens", []string{"Cache-Control", "max-age=86400"}, 5 * time.Minute, 5 * time.Minute},
		{"a short interval stays", []string{"Cache-Control", "max-age=1"}, 12 * time.Second, 12 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "a")
				for i := 0; i+1 < len(tt.header); i += 2 {
					idp.SetHeader(tt.header[i], tt.header[i+1])
				}
				cfg := configOf(idp)
				cfg.Params.Interval = tt.interval
				w.adopt(cfg)
				pass(100 * tt.want)
				requests := asked(idp)
				least, most := time.Hour, time.Duration(0)
				for i, r := range requests[1:] {
					d := r.At.Sub(requests[i].At)
					least, most = min(least, d), max(most, d)
				}
				floor, ceiling := max(tt.want*9/10, min(mostOften, tt.interval)), tt.want*11/10
				if least < floor || most > ceiling || most-least < tt.want/20 || len(requests) < 85 {
					t.Errorf("%d requests, %s to %s apart, want %s to %s", len(requests), least, most, floor, ceiling)
				}
				if r := requests[0].At.Sub(requests[0].At.Truncate(time.Second)); r >= startWithin {
					t.Errorf("first asked after %s", r)
				}
			})
		})
	}
}

// What a server asks for is honoured by every cause, a reload included, up to
// the interval.
func TestRetryAfterBindsEveryCause(t *testing.T) {
	for _, tt := range []struct {
		seconds string
		want    time.Duration
	}{
		{"120", 2 * time.Minute},
		{"100000", 5 * time.Minute},
	} {
		t.Run(tt.seconds, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				idp := newIssuer("idp.test", "a", "b")
				cfg := configOf(idp)
				c := w.adopt(cfg)
				pass(time.Second)
				idp.Withdraw("b")
				w.next(idp, 6*time.Minute) // now there is something to confirm
				idp.FailNext(devissuer.JWKSPath, devissuer.StatusFault(http.StatusServiceUnavailable, "Retry-After", tt.seconds))
				failed := w.next(idp, time.Minute)
				w.step(time.Hour)
				for range 50 {
					c.Refresh(t.Context(), 0)
					cfg.Params.Grace += time.Second
					w.adopt(cfg)
					pass(time.Second)
				}
				again := w.next(idp, 5*time.Minute)
				if d := again.At.Sub(failed.At); d < tt.want || d > tt.want*11/10+50*time.Millisecond {
					t.Errorf("asked again after %s", d)
				}
			})
		})
	}
}

func TestBackOffDoublesUpToTheInterval(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		idp := newIssuer("idp.test", "a")
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Reset: true})
		w.adopt(configOf(idp))
		last := w.next(idp, time.Second)
		for _, want := range []time.Duration{10, 20, 40, 80, 160, 300, 300} {
			want *= time.Second
			r := w.next(idp, 6*time.Minute)
			if d := r.At.Sub(last.At); d < max(want*9/10, 10*time.Second) || d > min(want*11/10, 5*time.Minute) {
				t.Errorf("%s, want about %s", d, want)
			}
			last = r
		}
		idp.Heal()
		w.next(idp, 6*time.Minute)
		idp.Fail(devissuer.JWKSPath, devissuer.Fault{Reset: true})
		first := w.next(idp, 6*time.Minute)
		if d := w.next(idp, 6*time.Minute).At.Sub(first.At); d > 11*time.Second {
			t.Errorf("the back-off of an outage that is over still counts: %s", d)
		}
	})
}

// A regular refresh and a confirmation that fall due together go past all caches.
func TestOneFetchForTwoCausesGoesPastCaches(t *testing.T) {
	now := time.Now()
	s := newSchedule(keyset.Params{Interval: 10 * time.Second}, true, now)
	s.begin(now)
	s.regular = now.Add(9 * time.Second)
	s.want(CauseConfirm, now.Add(9500*time.Millisecond))
	s.want(CauseConfirm, now.Add(time.Minute)) // wanted already, and sooner
	s.want(CauseUnknownKid, now.Add(time.Hour))
	at, cause := s.due()
	if !at.Equal(now.Add(10*time.Second)) || cause != CauseSchedule {
		t.Errorf("due in %s, %s", at.Sub(now), cause)
	}
	if !s.begin(at) {
		t.Error("the confirmation may come from a cache")
	}
	if _, left := s.wanted[CauseUnknownKid]; !left || len(s.wanted) != 1 {
		t.Errorf("left: %v", s.wanted)
	}
}

// A file may be read twice a second, and a change ends the back-off after a
// failure, but not more than that.
func TestLocalSourceHasItsOwnGap(t *testing.T) {
	now := time.Now()
	s := newSchedule(keyset.Params{Interval: 5 * time.Minute}, false, now)
	if at, _ := s.due(); at.After(now) {
		t.Errorf("first due in %s", at.Sub(now))
	}
	s.begin(now)
	s.want(CauseFile, now)
	if at, _ := s.due(); at.Sub(now) != fileTick {
		t.Errorf("due again in %s", at.Sub(now))
	}
}
