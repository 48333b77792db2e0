package jwkscache

import (
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Clock reads the wall clock and lifecycle time together.
type Clock struct {
	wall func() time.Time
	base time.Time // lifecycle time at start
	from time.Time // the monotonic clock at start
}

// NewClock begins lifecycle time at the wall clock, or at last if that is later:
// the last time in the ledger. wall is nil but for tests that step the wall clock
// against the monotonic one.
func NewClock(wall func() time.Time, last time.Time) *Clock {
	c := &Clock{wall: wall, from: time.Now()}
	c.base = c.read(c.from)
	if c.base.Before(last) {
		c.base = last.UTC()
	}
	return c
}

// Now reads both clocks once.
func (c *Clock) Now() keyset.Instant {
	t := time.Now()
	return keyset.Instant{Wall: c.read(t), Life: c.base.Add(t.Sub(c.from))}
}

// read is the wall clock alone: without the monotonic reading that Go adds, two
// times compare as people compare them.
func (c *Clock) read(t time.Time) time.Time {
	if c.wall != nil {
		t = c.wall()
	}
	return t.Round(0).UTC()
}

// Drift is how far the wall clock is ahead of lifecycle time; negative if behind.
func (c *Clock) Drift() time.Duration {
	now := c.Now()
	return now.Wall.Sub(now.Life)
}
