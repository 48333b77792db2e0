package keyset

import (
	"slices"
	"time"
)

// Observe applies one complete JWKS document. at is the time of which the
// document speaks, now the time of its arrival.
//
// A document older than the newest one (an old copy, by its Age header) neither
// adds nor withdraws anything; but a private key in it is public all the same.
func (s *Set) Observe(doc Document, at, now Instant) (*Set, []Event) {
	return s.observe(doc, at, now, false)
}

func (s *Set) observe(doc Document, at, now Instant, restrict bool) (*Set, []Event) {
	d := s.edit(now)
	d.failing = false
	d.compromise(doc.Skipped)
	if !s.observed.IsZero() && at.Life.Before(s.observed.Life) {
		d.advance()
		return d.done(), d.events
	}
	o := observation{
		draft: d, restrict: restrict, before: s.keys, at: at.Life, previous: s.observed.Life,
		told: map[anomaly]bool{}, present: map[int]Listed{}, held: map[listing]bool{},
	}
	d.skipped = slices.Clone(doc.Skipped)
	d.returned = map[string]int{}
	d.observed, d.doubtful = at, false

	for _, l := range o.namedFirst(o.unambiguous(doc.Keys)) {
		o.list(l)
	}
	o.withdrawals(len(doc.Keys)+len(doc.Skipped) == 0)
	d.told = o.told
	d.advance()
	return d.done(), d.events
}

// observation is one document being applied.
type observation struct {
	*draft
	restrict bool
	before   []*Key // the records as they were; same indexes
	at       time.Time
	previous time.Time // the observation before it
	told     map[anomaly]bool
	present  map[int]Listed // records that the document lists
	held     map[listing]bool
}

// compromise revokes the keys whose private part stands in the document. One
// that was never seen before is recorded too: who reads the document can sign.
func (d *draft) compromise(skipped []Skipped) {
	for _, s := range skipped {
		if s.Reason != SkipPrivate || s.Thumbprint == "" {
			continue
		}
		if _, known := d.byThumbprint[s.Thumbprint]; !known && len(d.keys) < MaxRecords {
			k := &Key{Thumbprint: s.Thumbprint, Modulus: s.Modulus}
			if _, taken := d.byKid[s.Kid]; s.Kid != "" && !taken {
				k.Aliases = []Alias{{Kid: s.Kid}}
			}
			d.add(k)
		}
		for _, i := range d.akin(s.Thumbprint, s.Modulus) {
			if d.revoke(i, string(PrivateKeyPublished), "") {
				d.tell(i, Event{Type: EventAnomaly, Kid: s.Kid, Anomaly: PrivateKeyPublished})
			}
		}
	}
}

// unambiguous leaves out the kids that name several materials in the document:
// nobody can tell which one is meant.
func (o *observation) unambiguous(keys []Listed) []Listed {
	first := map[string]string{}
	twice := map[string]bool{}
	for _, l := range keys {
		if t, ok := first[l.Kid]; ok && t != l.Thumbprint {
			twice[l.Kid] = true
		} else {
			first[l.Kid] = l.Thumbprint
		}
	}
	kept := keys[:0:0]
	for _, l := range keys {
		if twice[l.Kid] {
			o.refuse(l, SkipAmbiguous)
			o.anomalous(-1, KidAmbiguous, l.Kid, "")
			continue
		}
		kept = append(kept, l)
	}
	return kept
}

// namedFirst puts first what is listed under a kid that was ordered out of
// service before its material was known: if that material has a second name,
// the order of the document must not decide whether it is refused.
func (o *observation) namedFirst(keys []Listed) []Listed {
	rank := func(l Listed) int {
		if _, named := o.unnamed(l); named {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(keys, func(a, b Listed) int { return rank(a) - rank(b) })
	return keys
}

// list takes one listed key in, or refuses it.
func (o *observation) list(l Listed) {
	i, known := o.byThumbprint[l.Thumbprint]
	if j, named := o.unnamed(l); !known {
		i, known = j, named
	} else if named && !o.keys[j].RevokedAt.IsZero() && o.revoke(i, o.keys[j].Reason, o.keys[j].Actor) {
		o.tell(i, Event{Type: EventDistrusted}) // the material of a kid that was revoked unseen has come to light
	}
	if known && o.outOfService(i) {
		o.meet(i, l)
		o.bar(i, l)
		return
	}
	for _, j := range o.byModulus[l.Modulus] {
		if o.keys[j].Final && o.keys[j].Thumbprint != l.Thumbprint {
			o.bar(j, l)
			return
		}
	}
	if n, taken := o.byKid[l.Kid]; taken && (!known || n.key != i) && o.reused(n, l) {
		return
	}
	_, named := o.byKid[l.Kid]
	switch p, twice := o.present[i]; {
	case known && twice && p.Alg != l.Alg:
		// RFC 8725, section 3.1: each key is used with exactly one algorithm.
		o.refuse(l, SkipAlgorithm)
	case o.restrict && (!known || o.widens(i, l)):
		o.refuse(l, SkipUnrecorded)
		if known {
			o.hold(i, l)
		}
	case !known && len(o.keys) >= MaxRecords, !named && len(o.byKid) >= MaxRecords,
		known && o.keys[i].alias(l.Kid) < 0 && len(o.keys[i].Aliases) >= MaxKids:
		o.refuse(l, SkipFull)
		o.anomalous(-1, RecordsFull, "", "")
	case known:
		o.meet(i, l)
	default:
		o.meet(o.add(&Key{Thumbprint: l.Thumbprint, Modulus: l.Modulus}), l)
	}
}

// unnamed finds the record that was ordered out of service by this kid before
// its material was known.
func (o *observation) unnamed(l Listed) (int, bool) {
	n, ok := o.byKid[l.Kid]
	return n.key, ok && o.keys[n.key].Thumbprint == ""
}

// outOfService tells whether being listed does not help the record i any more.
func (o *observation) outOfService(i int) bool {
	k := o.keys[i]
	return k.State(o.now) == Revoked || k.ordered(o.now) && k.State(o.now) == Retired
}

// reused tells whether the listed key must be refused because its kid belongs to
// another key.
func (o *observation) reused(n name, l Listed) bool {
	owner := o.keys[n.key]
	o.anomalous(n.key, KidReused, l.Kid, l.Thumbprint)
	if o.params.ReplaceReused && owner.RevokedAt.IsZero() {
		return false
	}
	o.refuse(l, SkipReused)
	return true
}

// bar refuses a listed key because of the record i, which is out of service.
func (o *observation) bar(i int, l Listed) {
	o.refuse(l, SkipRetired)
	o.returned[l.Kid] = i
	o.anomalous(i, RetiredKeyReturned, l.Kid, l.Thumbprint)
}

func (o *observation) refuse(l Listed, r SkipReason) {
	o.skipped = append(o.skipped, Skipped{Kid: l.Kid, Reason: r})
}

// anomalous tells an anomaly, unless the observation before this one told it.
func (o *observation) anomalous(i int, a Anomaly, kid, thumbprint string) {
	id := anomaly{a, kid, thumbprint}
	if !o.told[id] && !o.draft.told[id] {
		o.tell(i, Event{Type: EventAnomaly, Kid: kid, Anomaly: a})
	}
	o.told[id] = true
}
