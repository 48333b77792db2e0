package keyset

import "time"

// Alignment is what the trust windows of one issuer follow from: how its tokens
// and keys are published, and how this guard fetches and forgets them. It is
// arithmetic alone; durations must not be negative.
type Alignment struct {
	TokenLife      time.Duration // L: longest exp - iat of a token; 0: not known
	Overlap        time.Duration // O: how long the issuer lists a key after its last use
	Interval       time.Duration // R: time between two fetches, before jitter
	FetchTimeout   time.Duration // F: longest time that one fetch takes
	CacheMaxAge    time.Duration // M: how old an answer may be that an HTTP cache in front of the JWKS gives
	MaxStale       time.Duration // S: age of the last observation at which its keys are no longer used
	RemovalConfirm time.Duration // wait before an absent key is looked for again; gives C
	Grace          time.Duration // G: how long tokens of a withdrawn key are still accepted
	ClockSkew      time.Duration // e: tolerance of token times
}

// Fetches lost in a row that publication and staleness must outlast: one or two
// fail in every network, three are an outage.
const toleratedFetches = 3

// FetchPeriod is the longest time between two fetches, 1.1 R: every interval is
// lengthened or shortened by up to a tenth, so that guards do not ask in step.
func (a Alignment) FetchPeriod() time.Duration { return a.Interval + a.Interval/10 }

// Confirmation is C, the longest time until the absence of a key is confirmed:
// the wait and the fetch after it, or two intervals if that never succeeds.
func (a Alignment) Confirmation() time.Duration {
	return min(a.RemovalConfirm+a.FetchTimeout, 2*a.Interval)
}

// Healthy is D, the longest time from the issuer's withdrawal of a key to the
// last acceptance of a token of it, while the JWKS can be fetched.
func (a Alignment) Healthy() time.Duration {
	return a.CacheMaxAge + a.FetchPeriod() + a.FetchTimeout + a.Tail()
}

// Outage is D_out, the same while the JWKS cannot be fetched: the withdrawal is
// never seen, and only staleness ends the trust.
func (a Alignment) Outage() time.Duration {
	return a.MaxStale + a.CacheMaxAge + a.FetchTimeout + a.Tail()
}

// Tail is how long a key is still accepted, at most, after the first observation
// that lacks it.
func (a Alignment) Tail() time.Duration { return max(a.Grace, a.Confirmation()) }

// PublishAhead is how long a new key must be listed before the issuer signs with
// it, so that every guard knows it by then, two lost fetches included.
func (a Alignment) PublishAhead() time.Duration { return a.CacheMaxAge + a.LeastStale() }

// KeepNeeded is how long a key must be accepted after the issuer's last use of
// it, L + e: until the last token of it expires everywhere. It is 0 if
// the token life is not known.
func (a Alignment) KeepNeeded() time.Duration {
	if a.TokenLife == 0 {
		return 0
	}
	return a.TokenLife + a.ClockSkew
}

// KeepActual is how long a key is accepted at least after the issuer's last use
// of it, O + G.
func (a Alignment) KeepActual() time.Duration { return a.Overlap + a.Grace }

// KeepListed is how long the issuer must list a key after its last use of it, so
// that grace covers the rest of [Alignment.KeepNeeded].
func (a Alignment) KeepListed() time.Duration { return max(0, a.KeepNeeded()-a.Grace) }

// LeastStale is the least max_stale that outlasts two lost fetches, 3 * 1.1 R + F.
func (a Alignment) LeastStale() time.Duration {
	return toleratedFetches*a.FetchPeriod() + a.FetchTimeout
}

// MostGrace is the grace that every genuine token is served by, L + 2 e: what
// goes beyond helps only whoever forges tokens with the old key. It is 0 if the
// token life is not known.
func (a Alignment) MostGrace() time.Duration {
	if a.TokenLife == 0 {
		return 0
	}
	return a.TokenLife + 2*a.ClockSkew
}

// KeepTooShort tells whether a rotation refuses good tokens: L + e > O + G.
func (a Alignment) KeepTooShort() bool { return a.KeepNeeded() > a.KeepActual() }

// StaleTooShort tells whether a few lost fetches refuse every token.
func (a Alignment) StaleTooShort() bool { return a.MaxStale < a.LeastStale() }

// GraceTooLong tells whether grace outlasts every genuine token.
func (a Alignment) GraceTooLong() bool { return a.TokenLife > 0 && a.Grace > a.MostGrace() }
