package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/e2e/bench/load"
	"github.com/jwtguard/jwtguard/e2e/harness"
)

// figures are what was measured of one candidate in one round.
type figures struct {
	answered  int // in all
	perSecond float64
	cpu       time.Duration // of the servers, per check at full load
	cpuAsked  time.Duration // of it, that of the server behind Envoy

	// At a steady load of about half of what was possible in the first round.
	rate             float64
	cpuSteady        time.Duration
	p50, p99, p999   time.Duration
	delay50, delay99 time.Duration // the client's part of them: sent later than due
}

// candidate is one thing that is measured, once a round.
type candidate struct {
	name    string
	measure func(context.Context, plan) (figures, error)
	results []figures // by round
}

// answered is how many requests were, in all rounds.
func (c *candidate) answered() (n int) {
	for _, f := range c.results {
		n += f.answered
	}
	return n
}

// compete measures candidates in rounds: there and back, so that nobody is always
// measured after the same one.
func compete(ctx context.Context, p plan, what string, candidates []*candidate) error {
	for round := range p.rounds {
		say("%s: round %d of %d", what, round+1, p.rounds)
		order := slices.Clone(candidates)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range order {
			f, err := c.measure(ctx, p)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.results = append(c.results, f)
		}
	}
	return nil
}

// target is where load goes, and whose processor time it costs.
type target struct {
	network, address     string
	connections, streams int // streams under way on each connection at full load
	requests             *load.Requests
	processes            []*harness.Process // Envoy before the server that it asks
	steady               bool               // measure latencies, too
	warmUp               int                // requests before the first round
	again                bool               // and before each of the others
	like                 *target            // whose rate of requests is taken for the latencies; nil: half of the own full load
	// watch is called before a measurement, and what it returns afterwards: an error
	// means that something else was measured than ought to be. Nil: nothing to watch.
	watch func() (after func(answered int) error, err error)

	client *load.Client
	rate   float64
}

// measure is one round.
func (t *target) measure(ctx context.Context, p plan) (f figures, err error) {
	if err := t.prepare(ctx); err != nil {
		return f, err
	}
	after := func(int) error { return nil }
	if t.watch != nil {
		if after, err = t.watch(); err != nil {
			return f, err
		}
	}
	full, cpus, err := t.timed(func() (load.Result, error) { return t.client.Flood(ctx, p.length, t.streams) })
	if err != nil {
		return f, err
	}
	f.perSecond, f.cpu = float64(full.Answered)/full.Took.Seconds(), sum(cpus)
	if len(cpus) > 1 {
		f.cpuAsked = cpus[1]
	}
	f.answered = full.Answered
	if t.steady {
		switch {
		case t.rate != 0:
		case t.like != nil:
			t.rate = t.like.rate
		default:
			t.rate = f.perSecond / 2
		}
		steady, cpus, err := t.timed(func() (load.Result, error) { return t.client.Pace(ctx, p.length, t.rate) })
		if err != nil {
			return f, fmt.Errorf("%.0f a second: %w", t.rate, err)
		}
		f.rate, f.cpuSteady = t.rate, sum(cpus)
		f.p50, f.p99, f.p999 = load.Quantile(steady.Latencies, 0.50), load.Quantile(steady.Latencies, 0.99), load.Quantile(steady.Latencies, 0.999)
		f.delay50, f.delay99 = load.Quantile(steady.Delays, 0.50), load.Quantile(steady.Delays, 0.99)
		f.answered += steady.Answered
	}
	return f, after(f.answered)
}

// prepare connects and sends what goes before a round.
func (t *target) prepare(ctx context.Context) (err error) {
	if t.client != nil && !t.again {
		return nil
	}
	if t.client == nil {
		if t.client, err = load.Dial(ctx, t.network, t.address, t.connections, t.requests); err != nil {
			return err
		}
	}
	if _, err := t.client.Send(ctx, t.warmUp); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	return nil
}

// timed is the processor time of each process per answer.
func (t *target) timed(run func() (load.Result, error)) (load.Result, []time.Duration, error) {
	before, err := cpuOfAll(t.processes)
	if err != nil {
		return load.Result{}, nil, err
	}
	r, err := run()
	if err != nil {
		return r, nil, err
	}
	cpus, err := cpuOfAll(t.processes)
	if err == nil && r.Answered == 0 {
		err = errors.New("nothing was answered")
	}
	if err != nil {
		return r, nil, err
	}
	for i := range cpus {
		cpus[i] = (cpus[i] - before[i]) / time.Duration(r.Answered)
	}
	return r, cpus, nil
}

func cpuOfAll(processes []*harness.Process) ([]time.Duration, error) {
	all := make([]time.Duration, len(processes))
	for i, p := range processes {
		var err error
		if all[i], err = cpuOf(p.PID()); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return all, nil
}

func sum(times []time.Duration) (s time.Duration) {
	for _, t := range times {
		s += t
	}
	return s
}

// close hangs up, once.
func (t *target) close() error {
	if t.client == nil {
		return nil
	}
	c := t.client
	t.client = nil
	return c.Close()
}
