package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// counts are the tallies of all decisions. Counting takes no lock once a subject
// was met, and the traffic cannot make subjects: they are keys of our sets, issuers
// and policies of the configuration, and [other].
type counts struct {
	keys     sync.Map // from *keyset.Usage, which the snapshots of a set share, to []*tally in *[]*tally
	keyless  shelf[tally]
	policies shelf[verdicts[block]]

	mu  sync.Mutex
	all map[subject]*tally // by mu: those of keys
}

// count counts one decision, once for its key and once for its policy.
func (c *counts) count(d *verify.Decision) {
	c.tally(d).count(d)
	policy := other
	if d.Policy != nil {
		policy = d.Policy.Name
	}
	c.policies.get(policy).at(d.Verdict).count(d.Reason)
}

func (c *counts) tally(d *verify.Decision) *tally {
	issuer := other
	if d.Issuer != nil {
		issuer = d.Issuer.Name
	}
	if d.Key == nil {
		return c.keyless.get(issuer)
	}
	s := subject{issuer, d.Kid, d.Key.Thumbprint, d.Alg}
	for _, t := range c.of(d.Key.Usage) {
		if t.subject == s {
			return t
		}
	}
	return c.meet(d.Key.Usage, s)
}

// of are the tallies of a key: one for each name, algorithm and issuer's name by
// which it was met, and so nearly always one.
func (c *counts) of(u *keyset.Usage) []*tally {
	if p, ok := c.keys.Load(u); ok {
		return *p.(*[]*tally)
	}
	return nil
}

// meet makes the tally of a subject that is new to the key. A record that was
// dropped and listed again goes on with the tally it had.
func (c *counts) meet(u *keyset.Usage, s subject) *tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.of(u)
	for _, t := range known {
		if t.subject == s {
			return t
		}
	}
	t := c.all[s]
	if t == nil {
		t = &tally{subject: s}
		if c.all == nil {
			c.all = map[subject]*tally{}
		}
		c.all[s] = t
	}
	next := append(known[:len(known):len(known)], t)
	c.keys.Store(u, &next)
	return t
}

// prune forgets the keys whose records are gone from every set, once they were
// quiet for long: until then a scrape that comes late finds what was counted.
func (c *counts) prune(held map[*keyset.Usage]bool, now time.Time) {
	oldest := now.Add(-keepQuiet).Unix()
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := map[*tally]bool{}
	c.keys.Range(func(u, p any) bool {
		busy := held[u.(*keyset.Usage)]
		for _, t := range *p.(*[]*tally) {
			busy = busy || t.last.Load() > oldest
		}
		if !busy {
			c.keys.Delete(u)
			return true
		}
		for _, t := range *p.(*[]*tally) {
			kept[t] = true
		}
		return true
	})
	maps.DeleteFunc(c.all, func(_ subject, t *tally) bool { return !kept[t] })
}

// tallies lists those of keys.
func (c *counts) tallies() []*tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*tally, 0, len(c.all))
	for _, t := range c.all {
		all = append(all, t)
	}
	return all
}

// shelf holds something for each of a few names. It is read without a lock, and
// what was put on it stays there.
type shelf[V any] struct {
	mu sync.Mutex
	m  atomic.Pointer[map[string]*V]
}

// all is what stands on the shelf; not to be changed.
func (s *shelf[V]) all() map[string]*V {
	if m := s.m.Load(); m != nil {
		return *m
	}
	return nil
}

func (s *shelf[V]) get(name string) *V {
	if v := s.all()[name]; v != nil {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.all()
	if v := old[name]; v != nil {
		return v
	}
	next := make(map[string]*V, len(old)+1)
	maps.Copy(next, old)
	v := new(V)
	next[name] = v
	s.m.Store(&next)
	return v
}
