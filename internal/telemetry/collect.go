package telemetry

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// keepQuiet is how long a key out of service is shown after its retirement and
// after the last attempt to use it: long enough for a monthly report.
const keepQuiet = 30 * 24 * time.Hour

// collection is one reading of everything.
type collection struct {
	*metrics
	metric.Observer
	now    keyset.Instant
	held   map[*keyset.Usage]bool // the records of all sets
	hidden map[*tally]bool        // of keys that are not shown any more
}

func (c *collection) run() {
	var issuers []Issuer
	issuers, c.now = c.cfg.Issuers()
	c.held, c.hidden = map[*keyset.Usage]bool{}, map[*tally]bool{}
	for i := range issuers {
		c.issuer(&issuers[i])
	}
	c.anomaliesOf(other)
	c.decisions()
	c.tokenCache()
	c.counts.prune(c.held, c.now.Wall)

	c.ObserveFloat64(c.drift, c.now.Wall.Sub(c.now.Life).Seconds())
	c.ObserveFloat64(c.build, 1, labels("version", c.cfg.Version, "commit", c.cfg.Commit, "go", runtime.Version()))
	c.ObserveInt64(c.instruments.reloads, int64(c.metrics.reloads.ok.Load()), labels("result", "ok"))
	c.ObserveInt64(c.instruments.reloads, int64(c.metrics.reloads.failed.Load()), labels("result", "error"))
	if c.cfg.Ledger != nil {
		sequence, errors := c.cfg.Ledger()
		c.ObserveFloat64(c.ledgerSequence, float64(sequence))
		c.ObserveInt64(c.ledgerErrors, int64(errors))
	}
}

func (c *collection) issuer(i *Issuer) {
	c.anomaliesOf(i.Name)
	results := c.metrics.refreshes.get(i.Name)
	for n, r := range jwkscache.Results() {
		c.ObserveInt64(c.instruments.refreshes, int64(results[n].Load()), labels("issuer", i.Name, "result", string(r)))
	}
	for _, k := range i.Set.Keys() {
		c.key(i, k)
	}
	observed := i.Set.Observed()
	if observed.IsZero() {
		return
	}
	name := labels("issuer", i.Name)
	success := i.LastSuccess
	if success.IsZero() { // not since the start: it is in the ledger
		success = observed.Wall
	}
	c.ObserveFloat64(c.lastSuccess, seconds(success), name)
	if most := i.Set.Params().MaxStale; most > 0 {
		// The set may be older by lifecycle time than by the wall clock, and the
		// stricter one counts. Whole seconds, or each scrape would give another value.
		behind := (c.now.Life.Sub(observed.Life) - c.now.Wall.Sub(observed.Wall)).Truncate(time.Second)
		c.ObserveFloat64(c.stale, seconds(observed.Wall.Add(most-max(0, behind))), name)
	}
	current := i.Set.Current(c.now)
	c.ObserveFloat64(c.keys, float64(len(current)), name)
	c.ObserveFloat64(c.setInfo, 1, labels("issuer", i.Name, "hash", setHash(current)))
	skipped := map[keyset.SkipReason]int{}
	for _, s := range i.Set.Skipped() {
		skipped[s.Reason]++
	}
	for reason, n := range skipped {
		c.ObserveFloat64(c.skipped, float64(n), labels("issuer", i.Name, "reason", string(reason)))
	}
}

// anomaliesOf shows all of an issuer, also at 0: what is born at 1 does not look
// like an increase.
func (c *collection) anomaliesOf(issuer string) {
	counted := c.metrics.anomalies.get(issuer)
	for n, a := range anomalies {
		if (a == keyset.ClockStep) == (issuer == other) {
			c.ObserveInt64(c.instruments.anomalies, int64(counted[n].Load()), labels("issuer", issuer, "type", string(a)))
		}
	}
}

// decisions shows what was decided, by key and by policy.
func (c *collection) decisions() {
	for issuer, t := range c.counts.keyless.all() {
		c.validations(subject{issuer: issuer, kid: other, alg: other}, t)
	}
	for _, t := range c.counts.tallies() {
		if !c.hidden[t] {
			c.validations(t.subject, t)
		}
	}
	for policy, v := range c.counts.policies.all() {
		v.each(func(verdict verify.Verdict, b *block) {
			b.each(func(r verify.Reason, n uint64) {
				c.ObserveInt64(c.instruments.decisions, int64(n), labels("policy", policy, "decision", verdict.String(), "reason", string(r)))
			})
		})
	}
}

// tokenCache shows how often the cache was asked, also at 0 while there is one, and
// also after a reload has turned it off: what was counted stays counted.
func (c *collection) tokenCache() {
	if c.cfg.TokenCache == nil {
		return
	}
	size, on := c.cfg.TokenCache()
	for use, result := range map[verify.CacheUse]string{verify.CacheHit: "hit", verify.CacheMiss: "miss"} {
		if n := c.street.cacheUse(use); on || n > 0 {
			c.ObserveInt64(c.cacheRequests, int64(n), labels("result", result))
		}
	}
	if on {
		c.ObserveFloat64(c.cacheEntries, float64(size.Entries))
		c.ObserveFloat64(c.cacheBytes, float64(size.Bytes))
	}
}

func (c *collection) validations(s subject, t *tally) {
	for state := range t.blocks {
		t.blocks[state].each(func(v verify.Verdict, p *atomic.Pointer[block]) {
			if b := p.Load(); b != nil {
				b.each(func(r verify.Reason, n uint64) {
					c.ObserveInt64(c.instruments.validations, int64(n), labels(
						"issuer", s.issuer, "kid", s.kid, "thumbprint", s.thumbprint, "alg", s.alg,
						"key_state", keyset.State(state).String(), "decision", v.String(), "reason", string(r)))
				})
			}
		})
	}
}

// setHash is what guards compare: those whose last observation is the same, and that
// would use the same of its keys, have the same.
func setHash(keys []*keyset.Key) string {
	var all []string
	for _, k := range keys {
		all = append(all, k.Thumbprint)
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return hex.EncodeToString(sum[:8]) // enough to tell sets apart, and to be read aloud
}

// seconds is a Unix time.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
