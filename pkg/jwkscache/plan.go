package jwkscache

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

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
// the case that their issuer returns. When it returns, the orders of the plan are
// in force in every cache. Plans are adopted in the order in which they were made,
// one at a time.
func (g *Group) Adopt(p *Plan) {
	g.adopt(p)
	g.settle() // the orders
	g.settle() // the distrust that owners carried to each other because of them
}

func (g *Group) adopt(p *Plan) {
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
		// What fell due while nobody looked counts before the first observation.
		set, events := set.Advance(now)
		set, more := set.ApplyAll(n.cfg.Orders, now)
		events = append(events, more...)
		set, more = refuse(set, slices.Collect(maps.Values(g.distrusted)), now)
		events = append(events, more...)
		n.begin(set, events)
		revoked = append(revoked, g.note(events)...)
	}
	for _, n := range p.members {
		if n.existed {
			n.post(func(o *owner) { o.distrust(revoked) })
		} else {
			n.begin(refuse(n.Set(), revoked, now))
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
	m.post(func(o *owner) { o.publish(o.Set(), events) })
}

// settle waits until every cache that runs has done what it was asked before.
func (g *Group) settle() {
	type waiting struct{ done, ended chan struct{} }
	var all []waiting
	g.mu.Lock()
	for _, m := range g.members {
		if m.stop != nil {
			w := waiting{make(chan struct{}), m.ended}
			m.post(func(*owner) { close(w.done) })
			all = append(all, w)
		}
	}
	g.mu.Unlock()
	for _, w := range all {
		select {
		case <-w.done:
		case <-w.ended:
		}
	}
}

// sameSource tells whether two sources would answer the same.
func sameSource(a, b Source) bool {
	return a.URI == b.URI && a.Discovery == b.Discovery && a.File == b.File && string(a.Inline) == string(b.Inline) &&
		a.Timeout == b.Timeout && a.CAFile == b.CAFile && a.AllowInsecureHTTP == b.AllowInsecureHTTP && a.Transport == b.Transport
}
