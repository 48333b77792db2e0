package keyset

import (
	"maps"
	"slices"
)

// draft is a set in the making: a copy of another one that may be changed.
// Records and indexes are copied before they are changed.
type draft struct {
	Set
	now     Instant
	events  []Event
	copied  map[int]bool
	indexed bool // the indexes are our own
}

// edit begins a new set from s.
func (s *Set) edit(now Instant) *draft {
	d := &draft{Set: *s, now: now, copied: map[int]bool{}}
	d.keys = slices.Clone(s.keys)
	return d
}

// done is the finished set. The draft must not be used any more.
func (d *draft) done() *Set {
	set := d.Set // not a part of the draft, which would live as long
	return &set
}

// change is the record i, to be changed.
func (d *draft) change(i int) *Key {
	if !d.copied[i] {
		c := *d.keys[i]
		c.Aliases = slices.Clone(c.Aliases)
		d.keys[i], d.copied[i] = &c, true
	}
	return d.keys[i]
}

// revoke ends the life of the record i at once, whatever was planned; it tells
// whether that is new.
func (d *draft) revoke(i int, reason, actor string) bool {
	if !d.keys[i].RevokedAt.IsZero() {
		return false
	}
	c := d.change(i)
	c.RevokedAt, c.Final, c.Reason, c.Actor = d.now.Life, true, reason, actor
	c.RetiredAt = earlier(c.RetiredAt, d.now.Life)
	return true
}

// enter puts the record i, new or under a new name, into the indexes.
func (d *draft) enter(i int) {
	if !d.indexed {
		d.byKid, d.byThumbprint = cloned(d.byKid), cloned(d.byThumbprint)
		d.byModulus = make(map[string][]int, len(d.Set.byModulus))
		for i := range d.keys {
			if m := d.keys[i].Modulus; m != "" {
				d.byModulus[m] = append(d.byModulus[m], i)
			}
		}
		d.indexed = true
	}
	d.index(i)
}

// add appends a record.
func (d *draft) add(k *Key) int {
	if k.Usage == nil {
		k.Usage = new(Usage)
	}
	i := len(d.keys)
	d.keys = append(d.keys, k)
	d.copied[i] = true
	d.enter(i)
	return i
}

// drop removes the records that are told to go.
func (d *draft) drop(gone map[int]bool) {
	if len(gone) == 0 {
		return
	}
	kept := make([]*Key, 0, len(d.keys)-len(gone))
	copied := map[int]bool{}
	moved := map[int]int{}
	for i, k := range d.keys {
		if !gone[i] {
			moved[i] = len(kept)
			copied[len(kept)] = d.copied[i]
			kept = append(kept, k)
		}
	}
	returned := map[string]int{}
	for kid, i := range d.returned {
		if !gone[i] {
			returned[kid] = moved[i]
		}
	}
	d.keys, d.copied, d.returned, d.indexed = kept, copied, returned, true
	d.reindex()
}

// tell records an event. The record i, if it is one, goes with it.
func (d *draft) tell(i int, e Event) {
	e.At = d.now
	if i >= 0 {
		e.Key = d.keys[i]
		if e.Kid == "" {
			e.Kid = e.Key.Kid()
		}
	}
	d.events = append(d.events, e)
}

// cloned is a copy of m that can be written to.
func cloned[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}
