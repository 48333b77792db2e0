package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// lineBytes is about what the ledger's line of an order takes.
const lineBytes = 700

// burst is so many orders to the guard at once, or to the disk alone.
type burst struct {
	name    string
	issuers int // 0: the disk alone
	clients int
	results []burstResult
}

type burstResult struct {
	perSecond float64
	cpu       time.Duration // of the guard, per order
	answers   latencies
}

// throughput measures orders a second. Each is of a key that the guard has not
// seen, which is how a fleet is told ahead of time, and leaves a record.
func (p orderPlan) throughput(ctx context.Context, out io.Writer, s *stage) error {
	bursts := []*burst{
		{name: "the disk alone: append a line, fsync"},
		{name: "1 issuer, one by one", issuers: 1, clients: 1},
		{name: fmt.Sprintf("1 issuer, %d at once", operators), issuers: 1, clients: operators},
		{name: fmt.Sprintf("%s, %d at once", countIssuers(p.issuers), operators), issuers: p.issuers, clients: operators},
	}
	for round := range p.rounds {
		say("orders a second: round %d of %d", round+1, p.rounds)
		for i, b := range bursts {
			r, err := p.burst(ctx, s, b, fmt.Sprintf("burst-%d-%d", round, i))
			if err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
			b.results = append(b.results, r)
		}
	}
	fmt.Fprintf(out, "\nOrders a second over the admin API, each durable when answered; %d to a fresh guard each time,\n", p.tries)
	fmt.Fprintf(out, "all of keys never seen. Medians of %d rounds (least-most).\n\n", p.rounds)
	t := columns(out, "\tper second\tCPU per order\tanswered after: p50\tp99\tworst of all rounds")
	for _, b := range bursts {
		rate := over(b.results, func(r burstResult) float64 { return r.perSecond })
		cpu := over(b.results, func(r burstResult) time.Duration { return r.cpu })
		p50 := over(b.results, func(r burstResult) time.Duration { return r.answers.quantile(0.50) })
		p99 := over(b.results, func(r burstResult) time.Duration { return r.answers.quantile(0.99) })
		worst := over(b.results, func(r burstResult) time.Duration { return r.answers.quantile(1) })
		fmt.Fprintf(t, "%s\t%.0f (%.0f-%.0f)\t%s\t%s\t%s\t%s\n", b.name, rate.median, rate.least, rate.most, micro(cpu.median), milli(p50.median), milli(p99.median), milli(worst.most))
	}
	return t.Flush()
}

func (p orderPlan) burst(ctx context.Context, s *stage, b *burst, name string) (r burstResult, err error) {
	at, err := s.newPost(name)
	if err != nil {
		return r, err
	}
	if b.issuers == 0 {
		return appendAlone(filepath.Join(at.dir, "lines"), p.tries)
	}
	at = at.withState()
	guard, err := s.startGuard(ctx, at, trust{issuers: s.issuers[:b.issuers]})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, guard.stop()) }()
	var (
		operator = newOperator(at.admin)
		next     atomic.Int64
		clients  sync.WaitGroup
		failures = make([]error, b.clients)
	)
	defer operator.CloseIdleConnections()
	r.answers = make(latencies, p.tries)
	before, err := cpuOf(guard.process.PID())
	if err != nil {
		return r, err
	}
	start := time.Now()
	for c := range b.clients {
		clients.Go(func() {
			for n := int(next.Add(1)) - 1; n < p.tries; n = int(next.Add(1)) - 1 {
				order, err := newOrder(ctx, keyset.Retire, issuerName(n%b.issuers), fmt.Sprintf("unseen-%d", n))
				sent := time.Now()
				if err == nil {
					err = operator.give(order)
				}
				if err != nil {
					failures[c] = err
					return
				}
				r.answers[n] = time.Since(sent)
			}
		})
	}
	clients.Wait()
	r.perSecond = float64(p.tries) / time.Since(start).Seconds()
	after, err := cpuOf(guard.process.PID())
	r.cpu = (after - before) / time.Duration(p.tries)
	return r, errors.Join(append(failures, err)...)
}

// appendAlone is what the disk does without a guard, one line at a time.
func appendAlone(path string, n int) (r burstResult, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return r, err
	}
	defer f.Close()
	line := make([]byte, lineBytes)
	start := time.Now()
	for range n {
		sent := time.Now()
		if _, err := f.Write(line); err != nil {
			return r, err
		}
		if err := f.Sync(); err != nil {
			return r, err
		}
		r.answers = append(r.answers, time.Since(sent))
	}
	r.perSecond = float64(n) / time.Since(start).Seconds()
	return r, nil
}
