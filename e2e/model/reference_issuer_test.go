package model

import (
	"maps"
	"slices"
)

// issuer is everything that the model knows of one issuer's keys.
type issuer struct {
	params   params
	records  []*record
	names    map[string]*record // by kid: the record that a token of that kid means
	observed instant            // of the newest observation; zero: none ever
	dead     map[string]bool    // kids under which a key out of service was the last one to be listed
	failing  bool
	doubtful bool    // nobody can tell how old the newest observation is
	last     instant // up to when time was followed
}

func newIssuer(p params) *issuer {
	return &issuer{params: p, names: map[string]*record{}, dead: map[string]bool{}}
}

func (m *issuer) byThumb(thumb string) *record {
	for _, r := range m.records {
		if thumb != "" && r.thumb == thumb {
			return r
		}
	}
	return nil
}

// drop forgets a record. Its names lead again to whoever had them before.
func (m *issuer) drop(r *record) {
	m.records = slices.DeleteFunc(m.records, func(o *record) bool { return o == r })
	for _, n := range r.names {
		if m.names[n.kid] != r {
			continue
		}
		delete(m.names, n.kid)
		for _, o := range m.records {
			old, heir := o.name(n.kid), m.names[n.kid]
			if old != nil && (heir == nil || old.lastSeen >= heir.name(n.kid).lastSeen) {
				m.names[n.kid] = o
			}
		}
	}
}

// follow lets time pass: whatever became final on the way did so at its own
// deadline, with the other keys as they stood then.
func (m *issuer) follow(now instant) {
	for {
		next := now
		for _, r := range m.records {
			for _, t := range []moment{r.until.life, r.activates, r.listing.notBefore} {
				// When the life clock reads t, the wall clock reads what is left of
				// the way from now.
				if t > m.last.life && t < next.life {
					next = now.less(now.life - t)
				}
			}
		}
		m.settle(next)
		m.last = next
		if next == now {
			return
		}
	}
}

// settle makes final what can be: two observations lacked it, its grace is over in
// lifecycle time, and the last observation lists another usable key.
func (m *issuer) settle(now instant) {
	for _, r := range m.records {
		// A crash may leave a record that is younger than the last observation that is
		// known: then that one lists the key.
		if r.final || !r.confirmed || now.life < r.until.life || r.lastSeen == m.observed.life {
			continue
		}
		for _, o := range m.records {
			if o != r && o.seen && o.lastSeen == m.observed.life && o.state(now) == active {
				r.final, r.ordered, r.orderUntil = true, r.until.life, r.until
			}
		}
	}
}

// clone is a copy that later events do not change.
func (m *issuer) clone() *issuer {
	c := *m
	c.records, c.names, c.dead = nil, map[string]*record{}, maps.Clone(m.dead)
	for _, r := range m.records {
		n := *r
		n.names = slices.Clone(r.names)
		c.records = append(c.records, &n)
		for kid, holder := range m.names {
			if holder == r {
				c.names[kid] = &n
			}
		}
	}
	return &c
}

// doubt is a start under a wall clock before the last time on record. How long the
// guard was down cannot be told, and a step back opens nothing: the keys are stale
// until the next observation, and deadlines that ran are over.
func (m *issuer) doubt(now instant) {
	m.doubtful = true
	end := func(d *deadline) { d.life = min(d.life, now.life) }
	depart := func(d *departure) {
		end(&d.counts)
		end(&d.until)
	}
	for _, r := range m.records {
		r.ordered = min(r.ordered, now.life)
		end(&r.orderUntil)
		depart(&r.departure)
		for i := range r.names {
			depart(&r.names[i].departure)
		}
	}
}
