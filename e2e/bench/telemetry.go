package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// traced is a guard that pushes to a collector of its own.
type traced struct {
	ratio     float64 // of checks whose span is sampled
	as        *candidate
	target    *target
	guard     *server
	collector string
}

// costOfTelemetry measures checks with metrics and without, and with spans.
func costOfTelemetry(ctx context.Context, page *page, p plan, binary string) (err error) {
	key := devissuer.NewKey("key", "ES256")
	s, err := newStage(binary, 1, func(int) []*devissuer.Key { return []*devissuer.Key{key} })
	defer func() { err = errors.Join(err, s.strike()) }()
	if err != nil {
		return err
	}
	if err := s.observers(ctx, page, p, key); err != nil {
		return err
	}
	return scrapes(ctx, page, p, binary)
}

func (s *stage) observers(ctx context.Context, page *page, p plan, key *devissuer.Key) (err error) {
	f := &field{}
	defer func() { err = errors.Join(err, f.clear()) }()
	var unobserved, observed *candidate
	for _, o := range []struct {
		role, name string
		as         **candidate
	}{{"unobserved", "server of the guard's packages, everything off", &unobserved}, {"observed", "the same, metrics", &observed}} {
		socket := s.file(o.role + ".sock")
		if err := prepare(socket, key.JWK()); err != nil {
			return err
		}
		server, err := f.keep(castAndAwait(o.role, socket, nil))
		if err != nil {
			return err
		}
		requests, err := warmRequests(mint(p.tokens, signer{devissuer.New(preparedIssuer), key}))
		if err != nil {
			return err
		}
		*o.as = f.add(o.name, directTo(socket, requests, server, true))
	}
	plain := &traced{}
	all := []*traced{plain, {ratio: 0.01}, {ratio: 1}}
	for _, g := range all {
		if err := g.enter(ctx, f, p, s, key); err != nil {
			return err
		}
	}
	if err := compete(ctx, p, "telemetry", f.candidates); err != nil {
		return err
	}
	page.write("\n## Telemetry\n\n")
	page.write("Warm. The guard always counts, so what that costs is measured on servers made of its packages, with its observer and with none. The collector takes OTLP over HTTP in a process of its own on the same machine.\n")
	page.throughputs("checks", f.candidates)
	rows := [][]string{{"metrics / everything off", ratio(observed.against(unobserved, perSecond)), ratio(unobserved.against(observed, cpuEach)), "≥ 0.97"}}
	for _, g := range all[1:] {
		arrived, err := g.arrived(ctx)
		if err != nil {
			return err
		}
		rows = append(rows, []string{
			fmt.Sprintf("guard, OTLP with %.0f %% of spans / guard, metrics alone", 100*g.ratio),
			ratio(g.as.against(plain.as, perSecond)), ratio(plain.as.against(g.as, cpuEach)),
			fmt.Sprintf("%d of %d checks came as spans", arrived, g.checks()),
		})
	}
	page.table([]string{"ratio, round by round", "throughput", "checks a second and CPU", ""}, rows)
	return nil
}

// enter starts the guard, with a collector if it is to have one.
func (g *traced) enter(ctx context.Context, f *field, p plan, s *stage, key *devissuer.Key) error {
	name := "jwtguard, metrics alone"
	environment := map[string]string{}
	if g.ratio > 0 {
		name = fmt.Sprintf("jwtguard, OTLP with %.0f %% of spans", 100*g.ratio)
		var err error
		if g.collector, err = harness.FreePort(); err != nil {
			return err
		}
		if _, err = f.keep(cast("collector", g.collector)); err != nil {
			return err
		}
		if err := awaitCollector(ctx, g.collector); err != nil {
			return err
		}
		environment = map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + g.collector,
			"OTEL_TRACES_SAMPLER":         "parentbased_traceidratio",
			"OTEL_TRACES_SAMPLER_ARG":     fmt.Sprint(g.ratio),
		}
	}
	at, err := s.newPost(fmt.Sprintf("guard-%d", len(f.servers)))
	if err != nil {
		return err
	}
	err = withEnvironment(environment, func() (err error) {
		g.guard, err = f.keep(s.startGuard(ctx, at, trust{issuers: s.issuers}))
		return err
	})
	if err != nil {
		return err
	}
	requests, err := warmRequests(mint(p.tokens, signer{s.issuers[0], key}))
	if err != nil {
		return err
	}
	t := directTo(at.authz, requests, g.guard, true)
	t.watch = watchCache(ctx, at.metrics, hit)
	g.target, g.as = t, f.add(name, t)
	return nil
}

// arrived stops the guard, which pushes what it still has, and tells how many spans
// the collector got. More than were sampled would be wrong, and so would none; fewer
// are not: the guard drops spans before it lets checks wait.
func (g *traced) arrived(ctx context.Context) (int, error) {
	// A guard waits for connections that stay open.
	if err := errors.Join(g.target.close(), g.guard.stop()); err != nil {
		return 0, err
	}
	n, err := spansAt(ctx, g.collector)
	if err != nil {
		return 0, err
	}
	// Chance is far within the slack.
	const slack = 50
	if sampled := g.ratio * float64(g.checks()); float64(n) > 1.5*sampled+slack || n == 0 && sampled > slack {
		return 0, fmt.Errorf("%s: %d spans came of %d checks", g.as.name, n, g.checks())
	}
	return n, nil
}

// checks is how many the guard answered: those in the rounds, and those before, one
// of which opened each connection.
func (g *traced) checks() int { return g.as.answered() + g.target.warmUp + directConnections }

// withEnvironment has what f starts inherit more variables.
func withEnvironment(more map[string]string, f func() error) error {
	for name, value := range more {
		if old, was := os.LookupEnv(name); was {
			defer os.Setenv(name, old)
		} else {
			defer os.Unsetenv(name)
		}
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return f()
}
