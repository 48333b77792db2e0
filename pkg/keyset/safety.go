package keyset

import (
	"slices"
	"time"
)

// leastQuiet is how long a key must have been without use before anybody is told
// that it can go: clients that ask once in an hour are common, and tokens whose
// lifetime is not known rarely live longer.
const leastQuiet = time.Hour

// Safety tells whether a key can be put out of service without cutting anybody
// off, as far as one guard can know. Each field that is true is one condition
// that holds; all of them are needed.
type Safety struct {
	Fresh     bool // the newest observation is under two intervals old
	Succeeded bool // another key of the issuer, active now and of a fitting algorithm, was used after this one
	Expired   bool // all tokens of it that were accepted have expired, clock skew included
	Quiet     bool // an unbroken record of Window shows no use

	Window time.Duration // longest life of a token, as configured or as seen; an hour at least
	From   time.Time     // when Expired and Quiet will hold if the key is not used again
}

// OK tells whether the key can go.
func (s Safety) OK() bool { return s.Fresh && s.Succeeded && s.Expired && s.Quiet }

// Safety judges the key k of the set. skew is by how much tokens are accepted
// after their exp, maxLifetime the longest life that they may have (0: unbounded),
// and recording the lifecycle time since when every use was counted.
func (s *Set) Safety(k *Key, skew, maxLifetime time.Duration, recording time.Time, now Instant) Safety {
	window := max(leastQuiet, maxLifetime)
	for _, other := range s.keys {
		window = max(window, other.LongestLifetime())
	}
	used, expired := k.LastUsed(), time.Time{}
	if expiry := k.LatestExpiry(); !expiry.IsZero() {
		expired = expiry.Add(skew)
	}
	quiet := later(used, recording).Add(window)
	return Safety{
		Fresh: !s.observed.IsZero() && now.age(s.observed) < 2*s.params.Interval,
		Succeeded: slices.ContainsFunc(s.keys, func(o *Key) bool {
			return o != k && o.State(now) == Active && s.fits(o) && o.LastUsed().After(used)
		}),
		// A clock that stepped ahead must not make it sooner.
		Expired: now.reached(expired),
		Quiet:   now.reached(quiet),
		Window:  window,
		From:    later(expired, quiet),
	}
}

// Ended is since when a key that is retired or revoked has been refused: its
// revocation, the end of its grace, or its own exp if that came first; zero if it
// is neither.
func (k *Key) Ended(now Instant) time.Time {
	switch k.State(now) {
	case Revoked:
		return k.RevokedAt
	case Retired:
		return k.Retires()
	}
	return time.Time{}
}

// Retires is when a key that will be, or is, retired is refused from: the end of
// its grace, ordered or not, or its own exp if that comes first; zero if neither is
// known.
func (k *Key) Retires() time.Time {
	at := later(k.RetiredAt, k.GraceUntil)
	if at.IsZero() || !k.Expires.IsZero() && k.Expires.Before(at) {
		at = k.Expires
	}
	return at
}

// Current lists the keys of the newest observation that can be used, or will be
// when their activation comes: what a verifier should know of the issuer now.
func (s *Set) Current(now Instant) []*Key {
	var current []*Key
	for _, k := range s.keys {
		if !s.observed.IsZero() && k.LastSeen.Equal(s.observed.Life) && k.State(now) < Retired {
			current = append(current, k)
		}
	}
	return current
}
