package model

import "slices"

// inOrder puts those listings first that may tell what was put out of service by
// its kid alone, before it was ever seen.
func (m *issuer) inOrder(all []listing) []listing {
	named := func(l listing) int {
		if o := m.names[l.kid]; o != nil && o.thumb == "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b listing) int { return named(a) - named(b) })
	return all
}

// identify completes what was put out of service by its kid alone, before it was
// ever seen: if nobody knew the key that comes under that kid, it is the one that
// was meant. A key that is known is revoked, if that is what the kid was.
func (m *issuer) identify(l listing) {
	o := m.names[l.kid]
	if o == nil || o.thumb != "" {
		return
	}
	key := m.byThumb(l.key.thumb)
	if key == nil {
		o.thumb, o.modulus = l.key.thumb, l.key.modulus
		key = o
	}
	if o.revoked {
		m.distrust(key.thumb, key.modulus)
	}
}

// list applies one listing, and gives the record that it lists; nil if it counts
// as absent.
func (m *issuer) list(l listing, at, now instant) *record {
	m.identify(l)
	r := m.byThumb(l.key.thumb)
	holder := m.names[l.kid]
	switch {
	case r != nil && r.dead(now), m.buried(l, r, now):
		if r != nil && r.dead(now) {
			r.lastSeen = at.life
			if !r.seen { // now it is known what was put out of service
				r.seen, r.listing, r.firstSeen = true, l, at.life
			}
			if n := r.name(l.kid); n != nil { // a stale edge gives it its name back
				n.see(at)
				m.names[l.kid] = r
			}
		}
		m.dead[l.kid] = true
		return nil
	case holder != nil && holder != r && holder.thumb == "" && !m.params.replace:
		m.dead[l.kid] = true
		return nil
	case holder != nil && holder != r && !m.params.replace:
		return nil // kid_reused
	}
	if r == nil {
		r = &record{thumb: l.key.thumb, modulus: l.key.modulus}
		m.records = append(m.records, r)
	}
	if !r.seen {
		r.seen, r.firstSeen = true, at.life
		if m.params.delay > 0 {
			r.activates = at.life + m.params.delay
		}
	}
	n := r.name(l.kid)
	if n == nil {
		r.names = append(r.names, name{kid: l.kid})
		n = r.name(l.kid)
	}
	n.see(at)
	m.names[l.kid] = r
	delete(m.dead, l.kid)
	r.lastSeen, r.listing = at.life, l
	if now.life < r.activates { // later settings may only bring it forward
		r.activates = min(r.activates, r.firstSeen+m.params.delay)
	}
	if r.isOrdered(now) {
		return r // while an ordered grace runs, being listed changes nothing
	}
	if r.left != 0 && r.withdrawn(now) && !r.reinstated {
		r.returned, r.reverted = at.life, r.departure
	}
	r.departure, r.reinstated = departure{}, false
	return r
}

// see notes that the name is listed.
func (n *name) see(at instant) { n.lastSeen, n.listed, n.departure = at.life, true, departure{} }

// buried tells whether another key that was put out of service for ever owns the
// kid or the modulus of the listing.
func (m *issuer) buried(l listing, r *record, now instant) bool {
	for _, o := range m.records {
		if o == r {
			continue
		}
		if l.key.modulus != "" && o.modulus == l.key.modulus && o.final {
			return true
		}
		// A name that another key has taken over is that key's. With replace, the name
		// of a retired key may be taken over.
		if o.name(l.kid) != nil && o.dead(now) && (r == nil || m.names[l.kid] != r) && (o.revoked || !m.params.replace) {
			return true
		}
	}
	return false
}
