package soak

import (
	"context"
	"sync"
	"testing"
	"time"
)

const (
	beat = 50 * time.Millisecond
	// standstill is how long the machine has to stand still for fetches to fail by that,
	// rather too short than too long.
	standstill = fetchTimeout / 4
	// aftermath is until the fetches after that have ended well.
	aftermath = 2 * (fetchTimeout + interval)
)

// A pulse knows when the machine stood still. Virtual ones are held for seconds now and
// then: every fetch times out, though no issuer fails.
type pulse struct {
	mu     sync.Mutex
	last   time.Time
	stalls []time.Time // when each was over
}

// run beats until ctx ends.
func (p *pulse) run(ctx context.Context) {
	for p.beat(time.Now()); pause(ctx, beat); {
		p.beat(time.Now())
	}
}

func (p *pulse) beat(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() && now.Sub(p.last) > standstill {
		p.stalls = append(p.stalls, now)
	}
	p.last = now
}

// stoodStill tells whether the machine did, so that a check between two moments may
// have met with it. It waits for the beat after that.
func (p *pulse) stoodStill(ctx context.Context, before, after time.Time) bool {
	for {
		p.mu.Lock()
		last, stalls := p.last, p.stalls
		p.mu.Unlock()
		if last.After(after) {
			for _, at := range stalls {
				if at.After(before.Add(-aftermath)) && at.Before(after.Add(aftermath)) {
					return true
				}
			}
			return false
		}
		if !pause(ctx, beat) {
			return false
		}
	}
}

func TestPulse(t *testing.T) {
	var p pulse
	start := time.Now()
	for _, at := range []time.Duration{0, beat, 2 * beat, 3 * time.Second, 3*time.Second + beat, time.Minute, time.Minute + standstill} {
		p.beat(start.Add(at))
	}
	p.stalls = p.stalls[:1] // the minute was only to have beats
	for at, want := range map[time.Duration]bool{
		2 * time.Second: true, 3*time.Second + beat: true, 3*time.Second + aftermath - beat: true, 3*time.Second + aftermath + beat: false, 30 * time.Second: false,
	} {
		if got := p.stoodStill(t.Context(), start.Add(at), start.Add(at+beat/2)); got != want {
			t.Errorf("%v: %v", at, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p.stoodStill(ctx, start.Add(time.Hour), start.Add(time.Hour)) {
		t.Error("an hour later, without a beat since")
	}
}
