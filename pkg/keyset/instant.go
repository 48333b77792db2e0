package keyset

import "time"

// Instant is one reading of the two clocks that a guard lives by. A decision
// reads it once and judges everything by it.
//
// Wall is the machine's wall clock: token times (exp, nbf, iat) are compared
// with it, since they were written by another machine's wall clock. Life is
// lifecycle time: the wall clock at start (or the last time in the ledger, if
// that is later) plus the monotonic time since. It never steps. Deadlines of
// keys are compared with both, and the stricter one counts, so that a step of
// the wall clock can close something but open nothing.
type Instant struct {
	Wall time.Time
	Life time.Time
}

// IsZero tells whether the instant was never set.
func (i Instant) IsZero() bool { return i.Wall.IsZero() && i.Life.IsZero() }

// passed tells whether the deadline t lies behind on either clock: what closes
// at t is closed. The zero time is no deadline and never passes.
func (i Instant) passed(t time.Time) bool {
	return !t.IsZero() && (!i.Wall.Before(t) || !i.Life.Before(t))
}

// reached tells whether t lies behind on both clocks: what opens at t is open.
// The zero time is always reached.
func (i Instant) reached(t time.Time) bool {
	return !i.Wall.Before(t) && !i.Life.Before(t)
}

// drift is how far the wall clock is ahead of lifecycle time.
func (i Instant) drift() time.Duration { return i.Wall.Sub(i.Life) }

// without is the instant as the wall clock would tell it had it not been ahead by
// drift already when a deadline was made. What it has stepped since still counts.
func (i Instant) without(drift time.Duration) Instant {
	return Instant{Wall: i.Wall.Add(-drift), Life: i.Life}
}

// age is how long ago o was, on the clock that makes it longer.
func (i Instant) age(o Instant) time.Duration {
	return max(i.Wall.Sub(o.Wall), i.Life.Sub(o.Life))
}
