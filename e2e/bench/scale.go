package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jwtguard/jwtguard/e2e/bench/load"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// size is how large a guard's world is.
type size struct {
	name       string
	from, to   int // its issuers, of the stage's
	tombstones int
	state      bool // with a state_dir

	server     *server
	idle       int64 // bytes of resident memory before the checks
	loaded     int64 // and after them
	warm, cold *candidate
}

// scale measures large guards beside a small one, and refreshes.
func scale(ctx context.Context, page *page, p plan, binary string) (err error) {
	say("making %d keys", p.issuers*p.keys)
	// The first half of the issuers have one key each, the others many.
	s, err := newStage(binary, 2*p.issuers, func(i int) (keys []*devissuer.Key) {
		n := 1
		if i >= p.issuers {
			n = p.keys
		}
		for j := range n {
			keys = append(keys, devissuer.NewKey(fmt.Sprintf("key-%d", j), "ES256"))
		}
		return keys
	})
	defer func() { err = errors.Join(err, s.strike()) }()
	if err != nil {
		return err
	}
	if err := sizes(ctx, page, p, s); err != nil {
		return err
	}
	return refreshes(ctx, page, p, s)
}

func sizes(ctx context.Context, page *page, p plan, s *stage) (err error) {
	all := []*size{
		{name: "1 issuer, 1 key", to: 1},
		{name: "the same, state_dir", to: 1, state: true},
		// Two issuers, since one may not have so many.
		{name: fmt.Sprintf("2 issuers, %d keys out of service", p.tombstones), to: 2, tombstones: p.tombstones},
		{name: fmt.Sprintf("%d issuers, 1 key each", p.issuers), to: p.issuers},
		{name: fmt.Sprintf("%d issuers, %d keys each", p.issuers, p.keys), from: p.issuers, to: 2 * p.issuers},
	}
	f := &field{}
	defer func() { err = errors.Join(err, f.clear()) }()
	for _, one := range all {
		if err := one.enter(ctx, f, p, s); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	if err := pause(ctx, p.settle); err != nil {
		return err
	}
	for _, one := range all {
		if one.idle, err = memoryOf(one.server.process.PID(), resident); err != nil {
			return err
		}
	}
	if err := compete(ctx, p, "scale", f.candidates); err != nil {
		return err
	}
	page.write("\n## Scale\n\n")
	page.write("ES256. Warm: %d tokens in turn, of as many keys where there are so many. Cold: each token once, the token cache on; every key was used before.\n", p.tokens)
	page.throughputs("checks", f.candidates)
	var ratios, memory [][]string
	for i, one := range all {
		if one.loaded, err = memoryOf(one.server.process.PID(), resident); err != nil {
			return err
		}
		memory = append(memory, []string{one.name, mebibytes(one.idle), mebibytes(one.loaded)})
		if i == 0 {
			continue
		}
		for _, c := range []struct {
			heat          string
			it, reference *candidate
		}{{"warm", one.warm, all[0].warm}, {"cold", one.cold, all[0].cold}} {
			ratios = append(ratios, []string{one.name + ", " + c.heat, ratio(c.it.against(c.reference, perSecond)), ratio(c.reference.against(c.it, cpuEach)), "≥ 0.95"})
		}
	}
	page.table([]string{"against " + all[0].name + ", round by round", "throughput", "checks a second and CPU", "yardstick"}, ratios)
	page.table([]string{"resident memory of the guard", "idle", "after the checks, its token cache full"}, memory)
	return nil
}

// enter starts the guard, and has it measured with warm and with cold tokens.
func (z *size) enter(ctx context.Context, f *field, p plan, s *stage) error {
	say("starting a guard with %s", z.name)
	at, err := s.newPost(fmt.Sprintf("guard-%d", len(f.servers)))
	if err != nil {
		return err
	}
	if z.state {
		at = at.withState()
	}
	if z.server, err = f.keep(s.startGuard(ctx, at, trust{issuers: s.issuers[z.from:z.to], retired: z.tombstones})); err != nil {
		return err
	}
	signers := s.signers(z.from, z.to)
	warm, err := warmRequests(mint(p.tokens, signers...))
	if err != nil {
		return err
	}
	// Each token once: a second policy would need an answer of its own prepared for
	// each key, which is no cost of a cold token.
	n, err := p.coldEnough(1, signers[0].key)
	if err != nil {
		return err
	}
	cold, err := requestsOf(mint(len(signers)+n, signers...), "")
	if err != nil {
		return err
	}
	if err := cold.Once("", 1); err != nil {
		return err
	}
	for _, h := range []struct {
		heat     string
		requests *load.Requests
		want     cached
		warmUp   int
		as       **candidate
	}{{"warm", warm, hit, 2 * p.tokens, &z.warm}, {"cold", cold, miss, len(signers), &z.cold}} {
		t := directTo(at.authz, h.requests, z.server, false)
		t.warmUp, t.watch = h.warmUp, watchCache(ctx, at.metrics, h.want)
		*h.as = f.add(z.name+", "+h.heat, t)
	}
	return nil
}

// signers are the keys of the stage's issuers from one to before another.
func (s *stage) signers(from, to int) (all []signer) {
	for i := from; i < to; i++ {
		for _, key := range s.published[i] {
			all = append(all, signer{s.issuers[i], key})
		}
	}
	return all
}
