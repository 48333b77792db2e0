package keyset

import "slices"

// Restore is the set that consisted of these records when its newest
// observation was made: what a ledger remembers. The settings come with
// [Set.WithParams]. The records become the set's, and are in the order of
// [Set.Keys].
func Restore(observed Instant, records []*Key) *Set {
	s := &Set{keys: slices.Clone(records), observed: observed}
	for _, k := range s.keys {
		if k.Usage == nil {
			k.Usage = new(Usage)
		}
	}
	s.reindex()
	return s
}

// Doubt is the set when nobody can tell how much time has passed since it was
// kept, because the wall clock stands before the last time on record: the longest
// time may have. It is stale until the next observation, and what waited for a
// deadline is over.
func (s *Set) Doubt(now Instant) *Set {
	d := s.edit(now)
	d.doubtful = true
	end := func(v *Departure) {
		v.GraceFrom, v.GraceUntil = earlier(v.GraceFrom, now.Life), earlier(v.GraceUntil, now.Life)
	}
	for i, k := range d.keys {
		c := d.change(i)
		if k.Final {
			c.RetiredAt = earlier(k.RetiredAt, now.Life)
		}
		if !k.OrderedUntil.IsZero() {
			c.OrderedUntil = earlier(k.OrderedUntil, now.Life)
		}
		if !k.LeftAt.IsZero() || !k.GraceUntil.IsZero() {
			end(&c.Departure)
		}
		for j, a := range k.Aliases {
			if !a.LeftAt.IsZero() {
				end(&c.Aliases[j].Departure)
			}
		}
	}
	return d.done()
}
