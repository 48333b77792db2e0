package model

import "time"

// departure is a withdrawal by the issuer.
type departure struct {
	left      moment   // first absence; 0: listed
	confirmed bool     // second absence
	counts    deadline // left + 2 intervals: it counts without a second absence
	until     deadline // grace_until
}

func (d departure) withdrawn(now instant) bool {
	return d.left != 0 && (d.confirmed || d.counts.passed(now))
}

func (d departure) state(now instant) state {
	switch {
	case !d.withdrawn(now):
		return active
	case d.until.passed(now):
		return retired
	}
	return grace
}

// leave notes an absence of the record.
func (m *issuer) leave(r *record, at, now instant, again bool) {
	first := r.left == 0
	r.departure.absent(m.params, r.lastSeen, at, now, again)
	if first && r.returned != 0 && at.life <= r.returned+2*m.params.interval {
		// It leaves again within two intervals: the first left_at and deadline hold.
		r.left = r.reverted.left
		r.counts = sooner(r.counts, deadline{r.left + 2*m.params.interval, r.reverted.counts.ahead})
		r.until = sooner(r.until, r.reverted.until)
	}
	if r.final { // with an order, it is held against the clocks as strictly as that
		r.counts.ahead, r.until.ahead = min(r.counts.ahead, r.orderUntil.ahead), min(r.until.ahead, r.orderUntil.ahead)
	}
}

// absent counts one absence. Two answers within removal_confirm may come from the
// same stale edge, and an observation of the same instant again is no second one:
// neither confirms anything.
func (d *departure) absent(p params, lastSeen moment, at, now instant, again bool) {
	switch {
	case d.left == 0:
		d.left = at.life
		d.counts, d.until = p.withdrawal(at.life, lastSeen, now.ahead())
	case at.life >= d.left+p.confirm && at.life > d.left && !again:
		d.confirmed = true
	}
}

// withdrawal gives when an absence counts by itself, and when grace ends. That an
// absence counts within C of the moment at which all would have been stale is the
// bound D_out of section 10.
func (p params) withdrawal(left, lastSeen moment, ahead time.Duration) (counts, until deadline) {
	return deadline{min(left+2*p.interval, lastSeen+p.maxStale+p.confirm), ahead},
		deadline{min(left+p.grace, lastSeen+p.maxStale+p.grace), ahead}
}
