package model

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// playIn plays a schedule in a bubble of its own.
func playIn(t *testing.T, steps []step, f faultsOf) (story []string, err error) {
	synctest.Test(t, func(*testing.T) { story, err = play(steps, f) })
	return story, err
}

const (
	// attempts is how often a schedule is played before it counts as one that does
	// not fail: the guard spreads its fetches at random.
	attempts = 3
	// shrinkFor bounds how long a schedule is shrunk; what is left then is short
	// enough to read.
	shrinkFor = 20 * time.Second
)

// shrink gives a shorter schedule that fails too: without steps that are not
// needed, and with short waits.
func shrink(t *testing.T, steps []step, f faultsOf) []step {
	end := time.Now().Add(shrinkFor)
	fails := func(steps []step) bool {
		for range attempts {
			if _, err := playIn(t, steps, f); err != nil {
				return true
			}
		}
		return false
	}
	for size := len(steps) / 2; size > 0; {
		shorter := false
		for at := 0; at+size <= len(steps) && time.Now().Before(end); {
			if less := slices.Delete(slices.Clone(steps), at, at+size); fails(less) {
				steps, shorter = less, true
			} else {
				at += size
			}
		}
		if !shorter || size > len(steps) {
			size /= 2
		}
	}
	for i := range steps {
		for _, simple := range simpler(steps[i]) {
			if !time.Now().Before(end) {
				return steps
			}
			less := slices.Clone(steps)
			if less[i] = simple; fails(less) {
				steps = less
			}
		}
	}
	return steps
}

// simpler are steps that say less than s.
func simpler(s step) []step {
	var all []step
	add := func(f func(*step)) {
		c := s
		if f(&c); c != s {
			all = append(all, c)
		}
	}
	add(func(c *step) { c.iss = 0 })
	add(func(c *step) { c.key = c.kid })
	add(func(c *step) { c.n = min(c.n, 1) })
	add(func(c *step) { c.e = 0 })
	if s.op == opWait || s.op == opRestart {
		add(func(c *step) { c.d = min(c.d, time.Second) })
	}
	return all
}
