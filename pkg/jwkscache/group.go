package jwkscache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// concurrentFetches bounds the fetches under way at once: with a thousand
	// issuers, each may hold half a megabyte and a TLS handshake.
	concurrentFetches = 32
	// clockTick is how often the clocks are compared.
	clockTick = time.Second
	// clockTolerance is how far they may drift apart before it counts as a step;
	// a clock that is slewed moves less in a second by far.
	clockTolerance = 5 * time.Second
)

// GroupConfig is what all caches of a guard share.
type GroupConfig struct {
	Clock    *Clock
	Journal  Journal
	Report   func(Fetch)            // called by the owner of each cache after each fetch
	Restored map[string]*keyset.Set // by iss: what was known when the guard last ran
	Strict   bool                   // new keys wait until they are kept, however long that takes
}

// Group runs the caches of all issuers of a guard.
type Group struct {
	clock   *Clock
	journal Journal
	report  func(Fetch)
	strict  bool
	slots   chan struct{}

	mu         sync.Mutex
	ctx        context.Context // nil until Run, and after it
	running    sync.WaitGroup
	members    map[string]*member  // by iss
	parked     map[string]*Cache   // by iss: stopped, and kept for what they know about keys
	distrusted map[string]distrust // by thumbprint, and by modulus where there is one
}

// member is a cache with what runs it.
type member struct {
	*Cache
	source  fetcher // as adopted last, and so the configuration; the owner may still have others
	adopted *Config
	stop    context.CancelFunc // nil while it does not run
	ended   chan struct{}      // closed when it runs no more
}

// NewGroup is a group without issuers.
func NewGroup(cfg GroupConfig) (*Group, error) {
	if cfg.Clock == nil || cfg.Journal == nil || cfg.Report == nil {
		return nil, errors.New("jwkscache: Clock, Journal and Report are required")
	}
	g := &Group{
		clock: cfg.Clock, journal: cfg.Journal, report: cfg.Report, strict: cfg.Strict,
		slots:      make(chan struct{}, concurrentFetches),
		members:    map[string]*member{},
		parked:     map[string]*Cache{},
		distrusted: map[string]distrust{},
	}
	now := cfg.Clock.Now()
	for iss, set := range cfg.Restored {
		if now.Life.Sub(now.Wall) > clockTolerance {
			set = set.Doubt(now)
		}
		c := new(Cache)
		c.set.Store(set)
		g.parked[iss] = c
		for _, k := range set.Keys() {
			g.note([]keyset.Event{{Key: k}})
		}
	}
	return g, nil
}

// Run keeps the keys of all issuers fresh until ctx ends, and returns when every
// cache has stopped.
func (g *Group) Run(ctx context.Context) error {
	g.mu.Lock()
	g.ctx = ctx
	for _, m := range g.members {
		g.start(m)
	}
	g.mu.Unlock()
	g.watchClocks(ctx)
	g.mu.Lock()
	g.ctx = nil
	g.mu.Unlock()
	g.running.Wait()
	return nil
}

// start runs a member; g.mu is held.
func (g *Group) start(m *member) {
	ctx, stop := context.WithCancel(g.ctx)
	m.stop, m.ended = stop, make(chan struct{})
	source, ended := m.source, m.ended // g.mu guards them
	g.running.Go(func() {
		defer close(ended)
		defer stop()
		m.run(ctx, source)
	})
}

// watchClocks looks for steps of the wall clock. A step makes every set ask
// again, since nobody can tell how old it is; it opens nothing by itself.
func (g *Group) watchClocks(ctx context.Context) {
	ticker := time.NewTicker(clockTick)
	defer ticker.Stop()
	known := g.clock.Drift()
	if known.Abs() > clockTolerance {
		g.stepped(fmt.Sprintf("at the start the wall clock is %s behind the last time on record", -known.Round(time.Millisecond)))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		drift := g.clock.Drift()
		if step := drift - known; step.Abs() > clockTolerance {
			known = drift
			g.stepped(fmt.Sprintf("the wall clock moved by %s against the monotonic clock", step.Round(time.Millisecond)))
			g.mu.Lock()
			for _, m := range g.members {
				m.post(func(o *owner) { o.want(CauseClock, time.Now()) })
			}
			g.mu.Unlock()
		}
	}
}

// stepped tells of a step of the clock, which concerns all issuers.
func (g *Group) stepped(detail string) {
	g.journal.Record(keyset.Change{Events: []keyset.Event{{
		Type: keyset.EventAnomaly, Anomaly: keyset.ClockStep, At: g.clock.Now(), Detail: detail,
	}}})
}
