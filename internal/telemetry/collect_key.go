package telemetry

import (
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// key shows one key, under the name by which it is called first. Decisions are
// shown under the names that the tokens had; thumbprints join the two.
func (c *collection) key(i *Issuer, k *keyset.Key) {
	c.held[k.Usage] = true
	state, tallies := k.State(c.now), c.counts.of(k.Usage)
	if state >= keyset.Retired && c.quiet(k, tallies) {
		for _, t := range tallies {
			c.hidden[t] = true
		}
		return
	}
	kid := k.Kid()
	name := labels("issuer", i.Name, "kid", kid, "thumbprint", k.Thumbprint)
	c.ObserveFloat64(c.keyInfo, 1, labels("issuer", i.Name, "kid", kid, "thumbprint", k.Thumbprint, "alg", k.Alg))
	for s := keyset.Pending; s <= keyset.Revoked; s++ {
		c.ObserveFloat64(c.keyState, truth(s == state), labels("issuer", i.Name, "kid", kid, "thumbprint", k.Thumbprint, "state", s.String()))
	}
	c.when(c.firstSeen, k.FirstSeen, name)
	c.when(c.lastUsed, k.LastUsed(), name)
	c.when(c.latestExpiry, k.LatestExpiry(), name)
	c.when(c.latestIssued, k.LatestIssued(), name)
	if state >= keyset.Retired {
		c.when(c.retired, k.Ended(c.now), name)
		c.attempted(i.Name, kid, k.Thumbprint, tallies)
		return
	}
	c.when(c.retires, k.GraceUntil, name)
	if state.Usable() {
		c.ObserveFloat64(c.safe, truth(i.Set.Safety(k, i.Skew, i.MaxLifetime, i.Recording, c.now).OK()), name)
	}
}

// quiet tells whether a key out of service is none of anybody's business any more.
func (c *collection) quiet(k *keyset.Key, tallies []*tally) bool {
	last := k.Ended(c.now).Unix()
	for _, t := range tallies {
		last = max(last, t.last.Load())
	}
	return last < c.now.Wall.Add(-keepQuiet).Unix()
}

// attempted shows the attempts to use a key out of service, by the names that the
// tokens had, and by its first name also when there was none: what is born at 1
// does not look like an increase.
func (c *collection) attempted(issuer, kid, thumbprint string, tallies []*tally) {
	sums := map[string][keyset.Valid + 1]uint64{kid: {}}
	for _, t := range tallies {
		if t.issuer != issuer {
			continue // the issuer's name has changed since
		}
		sum := sums[t.kid]
		for n := range t.attempts {
			sum[n] += t.attempts[n].Load()
		}
		sums[t.kid] = sum
	}
	for kid, sum := range sums {
		for n, v := range sum {
			c.ObserveInt64(c.attempts, int64(v), labels("issuer", issuer, "kid", kid, "thumbprint", thumbprint, "signature", keyset.Signature(n).String()))
		}
	}
}

// when shows a time, if there is one.
func (c *collection) when(g metric.Float64Observable, t time.Time, o metric.MeasurementOption) {
	if !t.IsZero() {
		c.ObserveFloat64(g, seconds(t), o)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
