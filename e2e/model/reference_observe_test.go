package model

import "slices"

// listing is one key of a document, as an issuer publishes it.
type listing struct {
	kid                string
	key                *material
	notBefore, expires moment
	private            bool // the private part stands there too
	broken             bool // a key that is to be skipped: use is enc
}

// observe applies a complete document that speaks of the instant at. Time was
// followed up to now.
func (m *issuer) observe(doc []listing, at, now instant) {
	m.failing = false
	for _, l := range doc {
		if l.private {
			m.compromise(l)
		}
	}
	// An old copy is no absence of what was seen since; nor does it add what a
	// newer observation lacked.
	if m.observed.life != 0 && at.life < m.observed.life {
		return
	}
	again := at.life == m.observed.life // a crash can give the same instant twice
	m.observed, m.doubtful = at, false
	present := map[*record]bool{}
	for _, r := range m.records {
		for i := range r.names {
			r.names[i].listed = false
		}
	}
	for _, l := range m.inOrder(m.usable(doc)) {
		if r := m.list(l, at, now); r != nil {
			present[r] = true
		}
	}
	for _, r := range slices.Clone(m.records) {
		switch {
		case !r.seen:
		case !present[r] && !r.final && r.state(now) == pending && !(now.life >= r.activates && now.life >= r.listing.notBefore):
			m.drop(r)
		default:
			gone := !present[r] && !r.dead(now)
			if (gone || r.ended(now) && r.lastSeen != at.life) && !r.reinstated {
				m.leave(r, at, now, again)
			}
			for i := range r.names {
				if n := &r.names[i]; !n.listed && n.lastSeen != 0 && (gone || n.lastSeen != at.life) {
					n.departure.absent(m.params, n.lastSeen, at, now, again)
				}
			}
		}
	}
	m.settle(now)
}

// usable are the listings that are not skipped for themselves, nor because one
// kid names several materials.
func (m *issuer) usable(doc []listing) []listing {
	var all []listing
	kids := map[string]*material{}
	twice := map[string]bool{}
	for _, l := range doc {
		if l.private || l.broken {
			continue
		}
		if k := kids[l.kid]; k != nil && k.thumb != l.key.thumb {
			twice[l.kid] = true
		}
		kids[l.kid] = l.key
		all = append(all, l)
	}
	return slices.DeleteFunc(all, func(l listing) bool { return twice[l.kid] })
}

// distrust revokes what there is of the material, and tells whether the key itself
// is on record.
func (m *issuer) distrust(thumb, modulus string) bool {
	found := false
	for _, r := range m.records {
		if thumb != "" && r.thumb == thumb || modulus != "" && r.modulus == modulus {
			r.revoked, r.final = true, true
			found = found || r.thumb == thumb
		}
	}
	return found
}

// compromise revokes the key whose private part was published: who reads the
// document can sign. One that was never seen is put on record as well.
func (m *issuer) compromise(l listing) {
	if m.distrust(l.key.thumb, l.key.modulus) {
		return
	}
	r := &record{thumb: l.key.thumb, modulus: l.key.modulus, revoked: true, final: true}
	if m.names[l.kid] == nil {
		r.names, m.names[l.kid] = []name{{kid: l.kid}}, r
	}
	m.records = append(m.records, r)
}

// reconfigure puts other settings into force: deadlines may only come nearer.
func (m *issuer) reconfigure(p params) {
	m.params = p
	nearer := func(d *departure, lastSeen moment) {
		if d.left == 0 {
			return
		}
		counts, until := p.withdrawal(d.left, lastSeen, d.counts.ahead)
		d.counts, d.until = sooner(d.counts, counts), sooner(d.until, until)
	}
	for _, r := range m.records {
		nearer(&r.departure, r.lastSeen)
		nearer(&r.reverted, r.lastSeen)
		for i := range r.names {
			nearer(&r.names[i].departure, r.names[i].lastSeen)
		}
	}
}
