package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/internal/telemetry"
	"github.com/jwtguard/jwtguard/pkg/authz"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// guard is the deciding part of the service: caches, policies, readiness. What a
// reload can change is in it; listeners are not.
type guard struct {
	log       *slog.Logger
	events    *telemetry.Telemetry
	feed      *admin.Feed
	clock     *jwkscache.Clock
	since     keyset.Instant // every use was counted since then
	group     *jwkscache.Group
	authz     *authz.Server
	readiness *admin.Readiness
	ledger    *ledger.Ledger // nil: memory only
	released  atomic.Bool    // the ledger was given back
	refusals  refusalNotes
	accounts  *rate.Limiter // of usage that is written before it is due

	current atomic.Pointer[inForce]

	mu      sync.Mutex     // one reload at a time
	file    *configFile    // by mu
	started *config.Config // what the listeners live by; see fixedSettings
}

// inForce is a configuration with what was made of it.
type inForce struct {
	config   *config.Config
	caches   map[string]*jwkscache.Cache // by iss
	verifier *verify.Verifier
}

// newGuard makes a guard of the configuration that was loaded from file, and of
// what the ledger remembers; l is nil without one. It starts nothing.
func newGuard(file *configFile, c *config.Config, l *ledger.Ledger, log *slog.Logger) (*guard, error) {
	g := &guard{refusals: newRefusalNotes(), accounts: newAccounts(), log: log, file: file, started: c, ledger: l}
	var err error
	if g.events, err = g.newTelemetry(); err != nil {
		return nil, err
	}
	g.feed = admin.NewFeed(g, g.events.Refusals, g.past())
	lives := journal{log: g.events, feed: g.feed}
	cfg := jwkscache.GroupConfig{Report: g.events.Fetched, Strict: c.Ledger.Strict && l != nil}
	var last time.Time
	if l != nil {
		lives.ledger, last, cfg.Restored = l, l.Last(), restored(l)
	}
	g.clock = jwkscache.NewClock(nil, last)
	g.since = g.clock.Now()
	cfg.Clock, cfg.Journal = g.clock, lives
	group, err := jwkscache.NewGroup(cfg)
	if err != nil {
		return nil, err
	}
	g.group = group
	next, err := g.prepare(c)
	if err != nil {
		return nil, err
	}
	if g.authz, err = authz.New(g.serving(next)); err != nil {
		return nil, err
	}
	g.readiness = admin.NewReadiness(g.issuers)
	return g, g.adopt(next)
}

// prepared is a configuration that could be put into force.
type prepared struct {
	inForce
	plan *jwkscache.Plan
}

func (g *guard) prepare(c *config.Config) (*prepared, error) {
	plan, err := g.group.Plan(cacheConfigs(c))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	p := &prepared{inForce: inForce{config: c, caches: map[string]*jwkscache.Cache{}}, plan: plan}
	for _, i := range c.Issuers {
		p.caches[i.Issuer] = plan.Cache(i.Issuer)
	}
	if p.verifier, err = newVerifier(c, func(iss string) verify.Keys { return plan.Cache(iss) }); err != nil {
		return nil, err
	}
	// Policies can also be at odds in what they do to headers, which a server finds.
	if _, err = authz.New(g.serving(p)); err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return p, nil
}

// serving is how the gRPC side serves a configuration.
func (g *guard) serving(p *prepared) authz.Config {
	return authz.Config{
		Decider: p.verifier, Now: g.clock.Now, Refresher: g, Observer: g.events,
		OnPanic: func(value any, stack []byte) { logPanic(g.log, value, stack) },
	}
}

// adopt puts a configuration into force: keys first, so that no request meets new
// policies before the orders about keys that came with them.
func (g *guard) adopt(p *prepared) error {
	g.group.Adopt(p.plan)
	if err := g.authz.Swap(p.verifier); err != nil {
		return err
	}
	if old := g.current.Swap(&p.inForce); old != nil {
		old.verifier.DropCache()
	}
	return nil
}

// Refresh has an issuer's keys fetched, for the gRPC side.
func (g *guard) Refresh(ctx context.Context, issuer *verify.Issuer, wait time.Duration) bool {
	cache, ok := issuer.Keys.(*jwkscache.Cache)
	return ok && cache.Refresh(ctx, wait)
}

// issuers is the present state of all issuers, for readiness.
func (g *guard) issuers() []admin.Issuer {
	current := g.current.Load()
	now := g.clock.Now()
	all := make([]admin.Issuer, 0, len(current.config.Issuers))
	for _, i := range current.config.Issuers {
		cache := current.caches[i.Issuer]
		set, status := cache.Set(), cache.Status()
		out := admin.Issuer{Issuer: i.Name, State: admin.Unusable(set, now), UsableOnce: status.Usable, Optional: i.Optional}
		out.Usable = out.State == ""
		if !status.LastSuccess.IsZero() {
			out.LastSuccess = &status.LastSuccess
		}
		if !out.Usable {
			out.Reason = unusable(out.State, set, i.Algorithms)
			if status.LastError != "" {
				out.LastResult = string(status.LastResult)
				out.Reason += ": " + status.LastError
			}
		}
		all = append(all, out)
	}
	return all
}

// KeySets is what the admin API shows.
func (g *guard) KeySets() ([]admin.IssuerKeys, keyset.Instant) {
	current := g.current.Load()
	all := make([]admin.IssuerKeys, 0, len(current.config.Issuers))
	for _, i := range current.config.Issuers {
		all = append(all, admin.IssuerKeys{
			Issuer: i.Name, Set: current.caches[i.Issuer].Set(), Skew: i.ClockSkew, Grace: i.Keys.Grace,
			Algorithms: i.Algorithms, MaxLifetime: i.MaxLifetime, Recording: g.since.Life,
		})
	}
	return all, g.clock.Now()
}

// run keeps keys fresh until ctx ends.
func (g *guard) run(ctx context.Context) error {
	if g.ledger != nil {
		ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = g.ledger.Run(ctx, g.clock.Now) // it ends with ctx alone
		}()
		defer func() { stop(); <-ended }() // after the last one who writes
	}
	if err := g.group.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// unusable says why no token of an issuer can be accepted now.
func unusable(state admin.State, set *keyset.Set, algorithms []string) string {
	switch state {
	case admin.NeverFetched:
		return "its keys were never fetched"
	case admin.Stale:
		return "its keys were last fetched at " + set.Observed().Wall.Format(time.RFC3339) + ", which is longer ago than max_stale"
	case admin.NoFittingKey:
		return "no active key of it fits its algorithms (" + strings.Join(algorithms, ", ") + "): add the one that it signs with, or have it list a key that fits"
	}
	return "no key of it is active"
}
