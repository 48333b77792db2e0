package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// steadily is the shortest interval that a guard fetches at from one issuer.
	steadily = 10 * time.Second
	// never is an interval that outlasts every run.
	never = 4 * time.Hour
)

// pace is how often the issuers of a guard are refreshed.
type pace struct {
	name     string
	interval func(issuer int) time.Duration

	metrics    string
	server     *server
	check      *candidate
	cpu        time.Duration // while no check came
	fetches    float64       // in that time
	cpuBefore  time.Duration
	fetchesYet float64
}

// refreshes measures what it costs to keep the keys of many issuers fresh, and what
// checks notice of it.
func refreshes(ctx context.Context, page *page, p plan, s *stage) (err error) {
	// After a start all issuers are fetched at once, and then not before the interval
	// is over. To have the refreshes of the default interval all the time, as many
	// issuers as make up for it are fetched at the shortest one.
	usual := max(1, int(float64(p.issuers)*steadily.Seconds()/refreshEvery.Seconds()))
	none := &pace{name: "no refreshes", interval: func(int) time.Duration { return never }}
	normal := &pace{name: fmt.Sprintf("as at the default of %v", refreshEvery), interval: func(i int) time.Duration {
		if i < usual {
			return steadily
		}
		return never
	}}
	hurried := &pace{name: fmt.Sprintf("every %v", steadily), interval: func(int) time.Duration { return steadily }}
	all := []*pace{none, normal, hurried}
	f := &field{}
	defer func() { err = errors.Join(err, f.clear()) }()
	tokens := mint(p.tokens, s.signers(0, p.issuers)...)
	for _, one := range all {
		say("starting a guard with %s, %s", countIssuers(p.issuers), one.name)
		at, err := s.newPost(fmt.Sprintf("pace-%d", len(f.servers)))
		if err != nil {
			return err
		}
		if one.server, err = f.keep(s.startGuard(ctx, at, trust{issuers: s.issuers[:p.issuers], interval: one.interval})); err != nil {
			return err
		}
		requests, err := warmRequests(tokens)
		if err != nil {
			return err
		}
		t := directTo(at.authz, requests, one.server, true)
		t.watch = watchCache(ctx, at.metrics, hit)
		if one != none {
			t.like = f.targets[0] // or it would not be the same load
		}
		one.metrics, one.check = at.metrics, f.add(one.name, t)
	}
	if err := watchIdle(ctx, p, all); err != nil {
		return err
	}
	if err := compete(ctx, p, "refreshes", f.candidates); err != nil {
		return err
	}
	page.write("\n### Refreshes of %s\n\n", countIssuers(p.issuers))
	page.write("Warm. The issuers' HTTPS server runs on the same machine, and is part of what checks notice.\n")
	page.throughputs("checks", f.candidates)
	each := (hurried.cpu - none.cpu).Seconds() / max(1, hurried.fetches-none.fetches)
	share := each * float64(p.issuers) / refreshEvery.Seconds()
	page.table([]string{"", "", "yardstick"}, [][]string{
		{"p99 at half load, refreshes as at the default / none", ratio(normal.check.against(none.check, p99)), "≤ 1.10"},
		{fmt.Sprintf("p99 at half load, refreshes every %v / none", steadily), ratio(hurried.check.against(none.check, p99)), ""},
		{"CPU of a refresh", fmt.Sprintf("%.0f µs (%.0f in %v)", each*1e6, hurried.fetches, p.idle), ""},
		{fmt.Sprintf("that makes, of a core, at the default of %v", refreshEvery), fmt.Sprintf("%.2f %%", 100*share), "< 1 %"},
		{"CPU of the guard without refreshes and without checks, of a core", fmt.Sprintf("%.2f %%", 100*none.cpu.Seconds()/p.idle.Seconds()), ""},
	})
	return nil
}

// watchIdle measures guards that nobody asks.
func watchIdle(ctx context.Context, p plan, all []*pace) error {
	say("watching refreshes for %v", p.idle)
	// What starting took is given back within so long.
	if err := pause(ctx, p.settle); err != nil {
		return err
	}
	for _, one := range all {
		var err error
		if one.fetchesYet, err = fetches(ctx, one.metrics); err != nil {
			return err
		}
	}
	for _, one := range all {
		var err error
		if one.cpuBefore, err = cpuOf(one.server.process.PID()); err != nil {
			return err
		}
	}
	if err := pause(ctx, p.idle); err != nil {
		return err
	}
	for _, one := range all {
		cpu, err := cpuOf(one.server.process.PID())
		if err != nil {
			return err
		}
		one.cpu = cpu - one.cpuBefore
	}
	for _, one := range all {
		n, err := fetches(ctx, one.metrics)
		if err != nil {
			return err
		}
		one.fetches = n - one.fetchesYet
	}
	return nil
}

// fetches is how many a guard made. One that went wrong is an error: it would cost
// less than the others.
func fetches(ctx context.Context, metrics string) (float64, error) {
	text, err := scrape(ctx, metrics)
	if err != nil {
		return 0, err
	}
	all, _, err := sumOf(text, "jwtguard_jwks_refreshes_total")
	if err != nil {
		return 0, err
	}
	good := 0.0
	for _, result := range []string{"ok", "not_modified"} {
		n, _, err := sumOf(text, "jwtguard_jwks_refreshes_total", `result="`+result+`"`)
		if err != nil {
			return 0, err
		}
		good += n
	}
	if all != good {
		return 0, fmt.Errorf("%.0f of %.0f refreshes went wrong", all-good, all)
	}
	return all, nil
}
