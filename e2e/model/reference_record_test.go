package model

// name is one alias.
type name struct {
	kid      string
	lastSeen moment // 0: it stands in an order alone
	listed   bool   // by the last observation
	departure
}

// record is one key.
type record struct {
	thumb, modulus string // empty: named by kid alone, never seen
	names          []name
	seen           bool
	listing        listing // as last listed

	firstSeen, lastSeen moment
	activates           moment
	departure
	returned moment    // when it last came back after a withdrawal that counted
	reverted departure // that withdrawal

	final      bool
	ordered    moment   // when an order takes effect; 0: none
	orderUntil deadline // end of the ordered grace
	orderedAt  moment   // the same instant on the wall clock
	revoked    bool
	reinstated bool // put back, and not listed since
}

func (r *record) name(kid string) *name {
	for i := range r.names {
		if r.names[i].kid == kid {
			return &r.names[i]
		}
	}
	return nil
}

// isOrdered tells whether it was put out of service for ever and the time for
// that has come, which may be with a grace.
func (r *record) isOrdered(now instant) bool {
	return r.final && (now.life >= r.ordered || now.wall >= r.ordered)
}

// dead tells whether it is out of service for ever, its grace over.
func (r *record) dead(now instant) bool {
	return r.revoked || r.isOrdered(now) && r.state(now) == retired
}

// ended tells whether only the wall clock says that it is dead: that may step back,
// and then a withdrawal must have counted.
func (r *record) ended(now instant) bool {
	s := r.state(steady(now))
	return r.dead(now) && (s == active || s == grace)
}

func (r *record) expired(now instant) bool {
	return deadline{life: r.listing.expires}.passed(now)
}

// begins tells whether nbf and activation delay lie behind.
func (r *record) begins(now instant) bool {
	nbf := r.listing.notBefore
	return now.life >= r.activates && now.life >= nbf && now.wall >= nbf
}

func (r *record) state(now instant) state {
	s := r.departure.state(now)
	if r.isOrdered(now) {
		s = stricter(s, grace)
		// An ordered grace also ends with that of an absence, confirmed or not, by
		// whichever of their clocks is further.
		if sooner(r.until, r.orderUntil).passed(now) {
			s = retired
		}
	}
	if r.reinstated || r.expired(now) {
		s = retired
	}
	if s != retired && (!r.seen || !r.begins(now)) {
		s = pending
	}
	if r.revoked {
		s = revoked
	}
	return s
}

// stateAs is the state under one of its names.
func (r *record) stateAs(kid string, now instant) state {
	s := r.state(now)
	n := r.name(kid)
	switch {
	case n == nil || s == pending:
	case n.lastSeen == 0 && r.seen:
		s = stricter(s, retired) // a name that an order gave to it is none to be used by
	default:
		s = stricter(s, n.departure.state(now))
	}
	return s
}

// graceStart is the instant since when nothing new may be signed; 0: none.
func (r *record) graceStart(kid string, now instant) moment {
	var start moment
	first := func(t moment) {
		if start == 0 || t < start {
			start = t
		}
	}
	if r.withdrawn(now) {
		first(r.left)
	}
	if n := r.name(kid); n != nil && n.withdrawn(now) {
		first(n.left)
	}
	if r.isOrdered(now) {
		first(r.ordered)
	}
	return start
}
