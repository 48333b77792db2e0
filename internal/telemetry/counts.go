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
	keyless   shelf[tally]
	policies  shelf[verdicts[block]]
	lifetimes shelf[histogram] // of accepted tokens, by issuer

	mu   sync.Mutex
	keys map[*keyset.Usage][]*tally // by mu; the snapshots of a set share the Usage
	all  map[subject]*tally         // by mu: those of keys
}

// bound is what a key has at hand, in [keyset.Usage.Bound]: its tallies, of which
// there is one for each name, algorithm and issuer's name by which it was met, and so
// nearly always one.
type bound struct {
	counts  *counts
	tallies []*tally
}

// count counts one decision, once for its key and once for its policy.
func (c *counts) count(d *verify.Decision) {
	place := placeOf(d.Reason)
	t := c.tally(d)
	t.count(d, place)
	if d.OK() && !d.Issued.IsZero() && t.lifetimes != nil {
		t.lifetimes.observe(lifetimeBounds, max(0, d.Expires.Sub(d.Issued)).Seconds())
	}
	policy := other
	if d.Policy != nil {
		policy = d.Policy.Name
	}
	c.policies.get(policy).at(d.Verdict)[place].Add(1)
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
	if b, _ := d.Key.Usage.Bound.Load().(*bound); b != nil && b.counts == c {
		if t := find(b.tallies, s); t != nil {
			return t
		}
	}
	return c.meet(d, s)
}

func find(tallies []*tally, s subject) *tally {
	for _, t := range tallies {
		if t.subject == s {
			return t
		}
	}
	return nil
}

// of are the tallies of a key.
func (c *counts) of(u *keyset.Usage) []*tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys[u]
}

// meet makes the tally of a subject that is new to the key. A record that was
// dropped and listed again goes on with the tally it had. The caller is about to count
// in it: a scrape that was told of the keys before this one was listed must not forget
// it meanwhile.
func (c *counts) meet(d *verify.Decision, s subject) *tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := d.Key.Usage
	known := c.keys[u]
	t := find(known, s)
	if t == nil {
		if t = c.all[s]; t == nil {
			t = &tally{subject: s, lifetimes: c.lifetimes.get(s.issuer)}
			if c.all == nil {
				c.all, c.keys = map[subject]*tally{}, map[*keyset.Usage][]*tally{}
			}
			c.all[s] = t
		}
		known = append(known[:len(known):len(known)], t)
		c.keys[u] = known
	}
	t.touch(d)
	u.Bound.Store(&bound{c, known})
	return t
}

// prune forgets the keys whose records are gone from every set, once they were
// quiet for long: until then a scrape that comes late finds what was counted.
func (c *counts) prune(held map[*keyset.Usage]bool, now time.Time) {
	oldest := now.Add(-keepQuiet).Unix()
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := map[*tally]bool{}
	for u, tallies := range c.keys {
		busy := held[u]
		for _, t := range tallies {
			busy = busy || t.last.Load() > oldest
		}
		if !busy {
			delete(c.keys, u)
			u.Bound.Store((*bound)(nil))
			continue
		}
		for _, t := range tallies {
			kept[t] = true
		}
	}
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
