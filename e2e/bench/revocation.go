package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

const (
	// revokedIssuers share the keys that are revoked: there is a bound for one.
	revokedIssuers = 10
	// watchersOfKey check a token of the key that is revoked, each one check at a
	// time: some of their checks are always under way.
	watchersOfKey = 8
)

// revocation measures how soon a revocation is in effect, with warm tokens in the
// token cache and under full load.
func revocation(ctx context.Context, page *page, p plan, binary string) (err error) {
	each := (p.tries+revokedIssuers-1)/revokedIssuers + 1 // the last usable key stays
	if each > maxListed {
		return fmt.Errorf("at most %d revocations can be measured", revokedIssuers*(maxListed-1))
	}
	s, err := newStage(binary, revokedIssuers, func(int) (all []*devissuer.Key) {
		for i := range each {
			all = append(all, devissuer.NewKey(fmt.Sprintf("key-%d", i), "ES256"))
		}
		return all
	})
	defer func() { err = errors.Join(err, s.strike()) }()
	if err != nil {
		return err
	}
	at, err := s.newPost("guard")
	if err != nil {
		return err
	}
	at = at.withState()
	guard, err := s.startGuard(ctx, at, trust{issuers: s.issuers})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.stop()) }()
	var lasting []signer
	for i, issuer := range s.issuers {
		lasting = append(lasting, signer{issuer, s.published[i][each-1]})
	}
	requests, err := warmRequests(mint(p.tokens, lasting...))
	if err != nil {
		return err
	}
	t := directTo(at.authz, requests, guard, false)
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.prepare(ctx); err != nil {
		return err
	}
	say("revocation: %d tries", p.tries)
	counted, err := cacheCounts(ctx, at.metrics)
	if err != nil {
		return err
	}
	l := t.flood(ctx, p.length)
	e, err := s.effects(ctx, at, guard, p.tries, watchersOfKey)
	answered, rate, failed := l.stop()
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	now, err := cacheCounts(ctx, at.metrics)
	if err != nil {
		return err
	}
	// Every watcher may be the first with its token, and one who was already on its
	// way when the key was revoked looks it up once more.
	hits, misses, most := now[hit]-counted[hit], now[miss]-counted[miss], float64(2*watchersOfKey*p.tries)
	if hits < float64(answered) || misses > most {
		return fmt.Errorf("under %d checks of warm tokens the token cache counted %.0f hits and %.0f misses, of which there ought to be at most %.0f", answered, hits, misses, most)
	}
	page.write("\n## Revocation under load\n\n")
	page.write("%d keys are revoked over the admin API, one after the other, each order durable when answered. Meanwhile a load generator keeps the guard at %.0f checks a second of tokens in the token cache, and %d clients check a token of that key, each one at a time (p50 %s each).\n",
		p.tries, rate, watchersOfKey, milli(e.check.quantile(0.5)))
	row := func(what string, l latencies) []string {
		return []string{what, milli(l.quantile(0.5)), milli(l.quantile(0.99)), milli(l.quantile(1))}
	}
	page.table([]string{"", "p50", "p99", "worst"}, [][]string{
		row("from the order to its answer", e.answer), row("from the order to the first refusal", e.effect),
	})
	page.write("\nNo check that began after the answer was allowed: the last one that was began %s before it (least over all keys). Yardstick: always.\n", milli(e.margin.quantile(0)))
	return nil
}

// flooding is load that goes on beside a measurement.
type flooding struct {
	cancel   context.CancelFunc
	ended    chan struct{}
	answered int
	took     time.Duration
	err      error
}

// flood keeps a target at full load, in stretches of some length.
func (t *target) flood(ctx context.Context, length time.Duration) *flooding {
	ctx, cancel := context.WithCancel(ctx)
	l := &flooding{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		for ctx.Err() == nil {
			// A stretch ends by itself: one that was cut would leave answers unread.
			r, err := t.client.Flood(context.WithoutCancel(ctx), length, t.streams)
			if err != nil {
				l.err = fmt.Errorf("load beside: %w", err)
				return
			}
			l.answered, l.took = l.answered+r.Answered, l.took+r.Took
		}
	}()
	return l
}

// stop ends the load after the stretch that is under way.
func (l *flooding) stop() (answered int, perSecond float64, err error) {
	l.cancel()
	<-l.ended
	if l.err == nil && l.answered == 0 {
		l.err = errors.New("load beside: nothing was answered")
	}
	return l.answered, float64(l.answered) / l.took.Seconds(), l.err
}
