package jwkscache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
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
	Clock   *Clock
	Journal Journal
	Report  func(Fetch) // called by the owner of each cache after each fetch
}

// Group runs the caches of all issuers of a guard.
type Group struct {
	clock   *Clock
	journal Journal
	report  func(Fetch)
	slots   chan struct{}

	mu         sync.Mutex
	ctx        context.Context // nil until Run, and after it
	running    sync.WaitGroup
	members    map[string]*member  // by iss
	parked     map[string]*Cache   // by iss: stopped, and kept for what they know about keys
	distrusted map[string]distrust // by thumbprint
}

// member is a cache with what runs it.
type member struct {
	*Cache
	source  fetcher // as adopted last, and so the configuration; the owner may still have others
	adopted *Config
	stop    context.CancelFunc
}

// distrust is the material of a revoked key.
type distrust struct{ thumbprint, modulus, reason string }

// NewGroup is a group without issuers.
func NewGroup(cfg GroupConfig) (*Group, error) {
	if cfg.Clock == nil || cfg.Journal == nil || cfg.Report == nil {
		return nil, errors.New("jwkscache: Clock, Journal and Report are required")
	}
	return &Group{
		clock: cfg.Clock, journal: cfg.Journal, report: cfg.Report,
		slots:      make(chan struct{}, concurrentFetches),
		members:    map[string]*member{},
		parked:     map[string]*Cache{},
		distrusted: map[string]distrust{},
	}, nil
}

// Plan is a set of issuers that a group could keep: checked, and not in force.
type Plan struct {
	members map[string]*planned
}

type planned struct {
	*member
	cfg     *Config
	source  fetcher // of a cache that existed: nil if it stays as it is
	existed bool
}

// Plan checks the configurations of all issuers and prepares their caches,
// without touching what is in force. A cache whose iss is known already stays,
// with all it knows about keys.
func (g *Group) Plan(cfgs []Config) (*Plan, error) {
	p := &Plan{members: map[string]*planned{}}
	for _, cfg := range cfgs {
		if p.members[cfg.Issuer] != nil {
			return nil, fmt.Errorf("issuers: %s stands there twice", cfg.Issuer)
		}
		if cfg.Params.Interval <= 0 {
			return nil, fmt.Errorf("issuers: %s: jwks.interval: must be positive", cfg.Name)
		}
		source, err := newFetcher(cfg.Source)
		if err == nil {
			err = checkInline(cfg.Source.Inline)
		}
		if err != nil {
			return nil, fmt.Errorf("issuers: %s: %w", cfg.Name, err)
		}
		p.members[cfg.Issuer] = &planned{cfg: &cfg, source: source}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for iss, n := range p.members {
		if n.member = g.members[iss]; n.member == nil {
			n.member = g.newMember(n.cfg, n.source)
			continue
		}
		n.existed = true
		if sameSource(n.adopted.Source, n.cfg.Source) {
			n.source = nil
		}
	}
	return p, nil
}

// checkInline reads keys that stand in the configuration: what is wrong with them
// does not mend itself, so that the guard should not start with them.
func checkInline(document []byte) error {
	if len(document) == 0 {
		return nil
	}
	doc, err := jose.ReadKeys(document)
	if err != nil {
		return fmt.Errorf("jwks.inline: not a key set: %w", err)
	}
	for _, s := range doc.Skipped {
		return fmt.Errorf("jwks.inline: the key with kid %q cannot be used: %s", s.Kid, s.Reason)
	}
	if len(doc.Keys) == 0 {
		return errors.New("jwks.inline: holds no key")
	}
	return nil
}

// newMember is a cache that does not run yet, and knows nothing.
func (g *Group) newMember(cfg *Config, source fetcher) *member {
	c := &Cache{group: g, wake: make(chan struct{}, 1), flight: flights{began: time.Now()}}
	c.cfg.Store(cfg)
	c.set.Store(keyset.New(cfg.Params))
	c.status.Store(&Status{})
	return &member{Cache: c, source: source, adopted: cfg}
}

// Cache is the planned cache of an issuer.
func (p *Plan) Cache(iss string) *Cache { return p.members[iss].Cache }

// Adopt puts a plan into force: caches that are new begin to run once the group
// runs, those that the plan lacks stop, and what they knew about keys is kept for
// the case that their issuer returns. Plans are adopted in the order in which
// they were made.
func (g *Group) Adopt(p *Plan) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for iss, m := range g.members {
		if p.members[iss] == nil {
			if m.stop != nil {
				m.stop()
			}
			g.parked[iss] = m.Cache
			delete(g.members, iss)
		}
	}
	now := g.clock.Now()
	var revoked []distrust
	for iss, n := range p.members {
		if n.existed {
			n.adopted = n.cfg
			if n.source != nil {
				n.member.source = n.source
			}
			n.post(func(o *owner) { o.reconfigure(n.cfg, n.source) })
			continue
		}
		g.members[iss] = n.member
		set := n.Set()
		if old := g.parked[iss]; old != nil {
			set = old.Set().WithParams(n.cfg.Params)
			delete(g.parked, iss)
		}
		set, events := order(set, n.cfg.Orders, now)
		for _, d := range g.distrusted {
			var more []keyset.Event
			set, more = set.Distrust(d.thumbprint, d.modulus, d.reason, now)
			events = append(events, more...)
		}
		n.begin(set, events)
		revoked = append(revoked, g.note(events)...)
	}
	for _, n := range p.members {
		for _, d := range revoked {
			if n.existed {
				n.post(func(o *owner) { o.distrust(d) })
			} else {
				n.begin(n.Set().Distrust(d.thumbprint, d.modulus, d.reason, now))
			}
		}
		if !n.existed && g.ctx != nil {
			g.start(n.member)
		}
	}
}

// begin gives a member that does not run yet its set, all distrust included
// before the first request can meet it. The owner tells of it when it runs.
func (m *member) begin(set *keyset.Set, events []keyset.Event) {
	m.set.Store(set)
	if len(events) > 0 {
		m.post(func(o *owner) { o.publish(o.Set(), events) })
	}
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
	m.stop = stop
	source := m.source // g.mu guards it
	g.running.Go(func() {
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
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		drift := g.clock.Drift()
		if step := drift - known; step.Abs() > clockTolerance {
			known = drift
			g.journal.Record("", []keyset.Event{{
				Type: keyset.EventAnomaly, Anomaly: keyset.ClockStep, At: g.clock.Now(),
				Detail: fmt.Sprintf("the wall clock moved by %s against the monotonic clock", step.Round(time.Millisecond)),
			}})
			g.mu.Lock()
			for _, m := range g.members {
				m.post(func(o *owner) { o.want(CauseClock, time.Now()) })
			}
			g.mu.Unlock()
		}
	}
}

// carry takes the distrust of revoked keys among the events of one cache to all
// others.
func (g *Group) carry(from *Cache, events []keyset.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.note(events) {
		for _, m := range g.members {
			if m.Cache != from {
				m.post(func(o *owner) { o.distrust(d) })
			}
		}
	}
}

// note remembers the material of revoked keys among the events, and gives what
// was not known yet; g.mu is held.
func (g *Group) note(events []keyset.Event) []distrust {
	var fresh []distrust
	for _, e := range events {
		if e.Key == nil || e.Key.RevokedAt.IsZero() || e.Key.Thumbprint == "" {
			continue
		}
		d := distrust{e.Key.Thumbprint, e.Key.Modulus, "revoked under another issuer of this guard"}
		// The modulus of a key that was revoked unseen comes to light later.
		if old, known := g.distrusted[d.thumbprint]; !known || old.modulus == "" && d.modulus != "" {
			g.distrusted[d.thumbprint] = d
			fresh = append(fresh, d)
		}
	}
	return fresh
}

func (o *owner) distrust(d distrust) {
	if set, events := o.Set().Distrust(d.thumbprint, d.modulus, d.reason, o.group.clock.Now()); set != o.Set() {
		o.publish(set, events)
	}
}

// sameSource tells whether two sources would answer the same.
func sameSource(a, b Source) bool {
	return a.URI == b.URI && a.Discovery == b.Discovery && a.File == b.File && string(a.Inline) == string(b.Inline) &&
		a.Timeout == b.Timeout && a.CAFile == b.CAFile && a.AllowInsecureHTTP == b.AllowInsecureHTTP && a.Transport == b.Transport
}
