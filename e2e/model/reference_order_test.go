package model

import (
	"slices"
	"time"
)

// action is what an order does.
type action string

const (
	retire    action = "retire"
	revoke    action = "revoke"
	reinstate action = "reinstate"
)

// command is an order to one issuer: by kid, by thumbprint or by both.
type command struct {
	action action
	kid    string
	key    *material // nil: by kid alone
	at     moment    // of a line of the configuration; 0: now
	grace  time.Duration
}

// targets are the records that an order names.
func (m *issuer) targets(c command) []*record {
	if c.key != nil {
		if r := m.byThumb(c.key.thumb); r != nil {
			return []*record{r}
		}
		return nil
	}
	var all []*record
	for _, r := range m.records {
		if r.name(c.kid) != nil {
			all = append(all, r)
		}
	}
	return all
}

// order carries out an order; false if it cannot be. Time was followed up to now.
func (m *issuer) order(c command, now instant) bool {
	targets := m.targets(c)
	if c.action == reinstate {
		if len(targets) == 0 || slices.ContainsFunc(targets, func(r *record) bool { return r.revoked }) {
			return false
		}
		for _, r := range targets {
			m.reinstate(r, c, now)
		}
		return true
	}
	if len(targets) == 0 {
		r := &record{}
		if c.key != nil {
			r.thumb, r.modulus = c.key.thumb, c.key.modulus
		}
		m.records = append(m.records, r)
		targets = []*record{r}
	}
	for _, r := range targets {
		if c.kid != "" && r.name(c.kid) == nil {
			r.names = append(r.names, name{kid: c.kid})
			if holder := m.names[c.kid]; holder == nil || holder.dead(now) {
				m.names[c.kid] = r
			}
		}
		switch {
		case c.action == revoke:
			r.revoked, r.final, r.reinstated = true, true, false
			m.distrust(r.thumb, r.modulus)
		case !r.revoked:
			r.retire(c, now)
		}
	}
	return true
}

// retire puts the record out of service for ever, after the ordered grace. A
// second order can only bring that nearer.
func (r *record) retire(c command, now instant) {
	from := deadline{now.life, now.ahead()}
	if c.at != 0 {
		from = deadline{life: c.at}
	}
	until := deadline{from.life + c.grace, from.ahead}
	if !r.seen {
		until = from // a key that was never seen gets no grace
	}
	if !r.final || from.life < r.ordered {
		r.ordered = from.life
	}
	r.orderUntil = sooner(r.orderUntil, until)
	// A withdrawal that runs already is held against the clocks as strictly.
	r.counts.ahead, r.until.ahead = min(r.counts.ahead, from.ahead), min(r.until.ahead, from.ahead)
	r.final, r.reinstated = true, false
	r.orderedAt = now.wall
	if c.at != 0 {
		r.orderedAt = c.at
	}
}

// reinstate undoes a retirement. A key that the issuer lists is trusted again,
// another one once it is listed; what was never seen is forgotten.
func (m *issuer) reinstate(r *record, c command, now instant) {
	if !r.final || c.at != 0 && r.orderedAt >= c.at {
		return
	}
	if !r.seen {
		m.drop(r)
		return
	}
	r.final, r.ordered, r.orderUntil, r.orderedAt = false, 0, deadline{}, 0
	if r.departure = (departure{}); r.lastSeen != m.observed.life {
		// It left when it was last listed, and nothing of its grace is left.
		r.reinstated = true
		r.departure = departure{left: r.lastSeen, counts: deadline{life: r.lastSeen}, until: deadline{life: r.lastSeen}}
	}
}
