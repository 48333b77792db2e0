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

// Burial is an order whose record is lost, but of which something else tells.
type Burial struct {
	Order Order   // Retire or Revoke, without At and Grace
	At    Instant // when the key is known to have been out of service
}

// Bury puts keys out of service of which no record tells that they are: as the
// orders would have done then, without a grace. Nothing else changes; what follows
// from it, [Set.Advance] tells. An order that names no key is left out.
func (s *Set) Bury(burials []Burial) *Set {
	d := s.edit(Instant{})
	for _, b := range burials {
		d.now = b.At
		_ = d.apply(b.Order)
	}
	return d.done()
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
