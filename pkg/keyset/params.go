package keyset

import "time"

// Params are the settings of an issuer that decide about the lives of its keys.
// A set keeps those that were in force when it was made; see [Set.WithParams].
type Params struct {
	Interval        time.Duration // between two observations
	MaxStale        time.Duration // how old the last observation may be; 0: a set never goes stale (inline keys)
	Grace           time.Duration // how long in-flight tokens verify after a withdrawal
	RemovalConfirm  time.Duration // how soon an absence is asked about again
	ActivationDelay time.Duration // how long a new key waits before it counts
	ReplaceReused   bool          // take new material under a known kid instead of refusing it

	// Fits tells whether a key may be used with any algorithm of the issuer: where
	// it may not, no token of the key passes in any state, and whoever counts usable
	// keys leaves it out. Lives do not depend on it. Nil: each key may.
	Fits func(*Key) bool
}

// MaxRecords bounds the records of one issuer, tombstones included: about 10 MB.
// A document lists at most 100 keys, so that this is a hundred complete
// replacements; an issuer that needs more is broken or hostile.
const MaxRecords = 10_000

// MaxKids bounds the names of one key, all that it ever had: each event of its life
// repeats them. Keys have one name, rarely two.
const MaxKids = 100

// withdrawal is what a withdrawal at t means for something last listed at seen:
// from when it counts without a confirmation, and when its grace ends.
//
// The cap by the last sight matters: without it the grace would start after a
// long outage, and a key withdrawn at its beginning would live on for all of it.
func (p Params) withdrawal(t, seen time.Time) (from, until time.Time) {
	from, until = t.Add(2*p.Interval), t.Add(p.Grace)
	if p.MaxStale > 0 {
		stale := seen.Add(p.MaxStale)
		from = earlier(from, stale.Add(p.RemovalConfirm))
		until = earlier(until, stale.Add(p.Grace))
	}
	return from, until
}

// earlier is the earlier of two deadlines; the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
