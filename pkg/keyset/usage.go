package keyset

import (
	"sync/atomic"
	"time"
)

// Usage is what was seen of a key's use. The snapshots of a set share it, so
// that no count is lost when a new snapshot is published. All methods may be
// called at the same time.
//
// Times are moved by the reason "ok" alone: what was refused was not used.
type Usage struct {
	// Bound is what an observer of decisions keeps with the key, to have it at hand for
	// each token of it. It is of one type, and nothing to this package.
	Bound atomic.Value

	allowed        atomic.Uint64
	denied         atomic.Uint64
	lastUsed       atomic.Int64 // Unix nanoseconds; 0: never
	latestExpiry   atomic.Int64 // Unix seconds; 0: none
	latestIssued   atomic.Int64 // Unix seconds; 0: none
	longestSeconds atomic.Int64 // longest exp - iat seen
	attempts       [signatures]atomic.Uint64
}

// Signature is what is known of the signature of a token whose key is out of
// service: evidence of whether the attempt came from whoever holds the key.
type Signature uint8

// The signature verdicts.
const (
	Unchecked Signature = iota
	Invalid
	Valid
	signatures // how many there are
)

// String is the word for metrics, logs and evidence.
func (s Signature) String() string {
	switch s {
	case Valid:
		return "valid"
	case Invalid:
		return "invalid"
	}
	return "unchecked"
}

// Allow counts an accepted token, used at the given lifecycle time (a wall clock
// that was ahead once would hold the last use there), with its exp and iat (iat
// may be zero).
func (u *Usage) Allow(at, expires, issued time.Time) {
	u.allowed.Add(1)
	raise(&u.lastUsed, at.UnixNano())
	raise(&u.latestExpiry, expires.Unix())
	if !issued.IsZero() {
		raise(&u.latestIssued, issued.Unix())
		raise(&u.longestSeconds, expires.Unix()-issued.Unix())
	}
}

// Deny counts a token that named the key and was refused.
func (u *Usage) Deny() { u.denied.Add(1) }

// Attempt counts a token that named the key after it was put out of service, and
// was refused for that.
func (u *Usage) Attempt(s Signature) {
	u.denied.Add(1)
	u.attempts[s].Add(1)
}

// Tally is a reading of a [Usage].
type Tally struct {
	Allowed, Denied uint64
	Attempts        [signatures]uint64 // by Signature; parts of Denied
	LastUsed        time.Time          // zero: never
	LatestExpiry    time.Time          // zero: none; whole seconds, like all below
	LatestIssued    time.Time
	LongestLifetime time.Duration
}

// Tally reads all of it. While tokens are counted, the figures may be of slightly
// different moments.
func (u *Usage) Tally() Tally {
	t := Tally{
		Allowed: u.Allowed(), Denied: u.Denied(), LastUsed: u.LastUsed(),
		LatestExpiry: u.LatestExpiry(), LatestIssued: u.LatestIssued(), LongestLifetime: u.LongestLifetime(),
	}
	for i := range t.Attempts {
		t.Attempts[i] = u.attempts[i].Load()
	}
	return t
}

// NewUsage goes on from a reading.
func NewUsage(t Tally) *Usage {
	u := new(Usage)
	u.allowed.Store(t.Allowed)
	u.denied.Store(t.Denied)
	for i, n := range t.Attempts {
		u.attempts[i].Store(n)
	}
	for v, at := range map[*atomic.Int64]time.Time{&u.latestExpiry: t.LatestExpiry, &u.latestIssued: t.LatestIssued} {
		if !at.IsZero() {
			v.Store(at.Unix())
		}
	}
	if !t.LastUsed.IsZero() {
		u.lastUsed.Store(t.LastUsed.UnixNano())
	}
	u.longestSeconds.Store(int64(t.LongestLifetime / time.Second))
	return u
}

// Allowed is the number of accepted tokens.
func (u *Usage) Allowed() uint64 { return u.allowed.Load() }

// Denied is the number of refused tokens that named the key.
func (u *Usage) Denied() uint64 { return u.denied.Load() }

// LastUsed is when a token of the key was last accepted; zero if never.
func (u *Usage) LastUsed() time.Time {
	if n := u.lastUsed.Load(); n != 0 {
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}

// LatestExpiry is the latest exp of any accepted token; zero if there was none.
func (u *Usage) LatestExpiry() time.Time { return unixSeconds(u.latestExpiry.Load()) }

// LatestIssued is the latest iat of any accepted token; zero if there was none.
func (u *Usage) LatestIssued() time.Time { return unixSeconds(u.latestIssued.Load()) }

// LongestLifetime is the longest exp - iat of any accepted token.
func (u *Usage) LongestLifetime() time.Duration {
	return time.Duration(u.longestSeconds.Load()) * time.Second
}

func unixSeconds(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// raise lifts v to n if n is higher.
func raise(v *atomic.Int64, n int64) {
	for old := v.Load(); n > old; old = v.Load() {
		if v.CompareAndSwap(old, n) {
			return
		}
	}
}
