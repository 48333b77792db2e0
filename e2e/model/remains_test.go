package model

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// remains are the records of a guard as they were when all of them were on disk
// and it stopped. The next one must have the same (invariant 6).
type remains struct {
	keys   map[string][]*keyset.Key // by iss; nil: nobody knows
	counts map[*keyset.Key]keyset.Tally
}

// remains are those of the guard as it stands now. Of one that stopped in peace,
// counts are kept too.
func (w *world) remains(peace bool) remains {
	r := remains{keys: map[string][]*keyset.Key{}, counts: map[*keyset.Key]keyset.Tally{}}
	for i, iss := range issuers {
		r.keys[iss] = w.guard.caches[i].Set().Keys()
		for _, k := range r.keys[iss] {
			if peace {
				r.counts[k] = k.Tally()
			}
		}
	}
	return r
}

// exact compares records but for when they were seen last, which may be older than
// the truth, and their usage, which is compared by its counts.
var exact = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool {
		name := p.Last().String()
		return name == ".LastSeen" || name == ".Usage"
	}, cmp.Ignore()),
	cmpopts.EquateEmpty(),
}

// same tells quickly that two records are the same. It may miss that they are.
func same(a, b *keyset.Key) bool {
	plain := func(k *keyset.Key) keyset.Key {
		c := *k
		c.LastSeen, c.Usage, c.Aliases = time.Time{}, nil, slices.Clone(k.Aliases)
		for i := range c.Aliases {
			c.Aliases[i].LastSeen = time.Time{}
		}
		return c
	}
	return reflect.DeepEqual(plain(a), plain(b))
}

func (r remains) compare(g *guard) error {
	for iss, before := range r.keys {
		var after []*keyset.Key
		if set := g.book.sets[iss]; set != nil {
			after = set.Keys()
		}
		if !slices.EqualFunc(before, after, same) { // cmp takes much longer
			if diff := cmp.Diff(before, after, exact); diff != "" {
				return fmt.Errorf("invariant 6: the records of %s are others (-before +after the restart):\n%s", iss, diff)
			}
		}
		for i, k := range before {
			want, known := r.counts[k]
			got := after[i].Tally()
			// A key that was dropped while pending and came back has the denials of both.
			if want.Denied = max(want.Denied, got.Denied); known && got != want {
				return fmt.Errorf("invariant 6: the usage of %s was %+v, and is %+v after the restart", label(k.Thumbprint), want, got)
			}
		}
	}
	return nil
}

// opened tells whether a restart made a key usable that was out of service, by the
// clock that never steps. A JWK's exp may pass without a line that says so; where
// lifecycle time lost that moment, the guard is in doubt, and uses no key before
// its issuer has listed it again.
func opened(before, after *issuer) error {
	for _, old := range before.records {
		if after.doubtful && old.expired(steady(before.last)) {
			continue
		}
		for _, r := range after.records {
			was, is := old.state(steady(before.last)), r.state(steady(after.last))
			if r.same(old) && (was == retired || was == revoked) && is != retired && is != revoked {
				return fmt.Errorf("%s was %s before the restart, and is %s", label(r.thumb), was, is)
			}
		}
	}
	return nil
}

// steady is the instant with a wall clock that shows lifecycle time.
func steady(i instant) instant { return instant{wall: i.life, life: i.life} }
