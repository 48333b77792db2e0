package keyset

import "time"

// withdrawals notes which records and names the document lacks.
func (o *observation) withdrawals(empty bool) {
	listed, left := 0, 0
	dropped := map[int]bool{}
	for i, k := range o.keys {
		_, present := o.present[i]
		switch {
		case !k.Seen():
			continue
		case o.outOfService(i):
			if !k.LastSeen.Equal(o.at) && k.State(Instant{o.now.Life, o.now.Life}).Usable() {
				o.leave(i) // a wall clock that is ahead ended it, and may step back
			}
			o.leaveNames(i, true) // nothing depends on it
			continue
		// Lifecycle time decides: a wall clock that stepped back makes a key
		// pending again that was in force.
		case !present && !k.Final && k.State(o.now) == Pending && o.now.Life.Before(k.Begins()):
			if o.restrict {
				o.shelve(i)
				continue
			}
			o.tell(i, Event{Type: EventDropped})
			dropped[i] = true
			continue
		}
		if i < len(o.before) && o.before[i].Seen() && o.before[i].LeftAt.IsZero() {
			listed++
			if !present {
				left++
			}
		}
		o.leaveNames(i, !present && o.leave(i))
	}
	if left > 0 && (empty || listed >= 2 && 2*left > listed) {
		o.tell(-1, Event{Type: EventAnomaly, Anomaly: MassRemoval})
	}
	o.drop(dropped)
}

// leave notes that the document lacks the record i. One that was reinstated has
// left already, and whoever did that wants it to wait. It tells whether that is new.
func (o *observation) leave(i int) bool {
	k := o.keys[i]
	next, changed := o.depart(k.Departure, k.LastSeen)
	if k.Reinstated || !changed {
		return false
	}
	c := o.change(i)
	c.Departure = next
	if next.Confirmed {
		o.tell(i, Event{Type: EventConfirmed})
	} else {
		// A key that leaves again soon after its return earns no second grace.
		if !k.ReturnedAt.IsZero() && !o.at.After(k.ReturnedAt.Add(2*o.params.Interval)) {
			c.LeftAt = k.Reverted.LeftAt
			c.GraceUntil = earlier(next.GraceUntil, k.Reverted.GraceUntil)
			c.bringForward(o.params, k.LastSeen)
			c.Drift = min(next.Drift, k.Reverted.Drift)
		}
		if !k.Final {
			c.Reason, c.Actor = "", "" // of a reinstatement: this is the issuer's doing
		}
		o.tell(i, Event{Type: EventLeft})
	}
	c.GraceUntil = earlier(c.GraceUntil, k.OrderedUntil)
	if k.Final {
		c.Drift = min(c.Drift, k.Drift)
	}
	return true
}

// leaveNames notes which kids of the record i the document lacks. If the only one
// of a key leaves with it, the event of the key tells.
func (o *observation) leaveNames(i int, told bool) {
	_, present := o.present[i]
	gone := !present && !o.outOfService(i) // and so are all its names
	for j, a := range o.keys[i].Aliases {
		if a.FirstSeen.IsZero() || a.LastSeen.Equal(o.at) && !gone || o.held[listing{i, a.Kid}] {
			continue
		}
		next, changed := o.depart(a.Departure, a.LastSeen)
		if !changed {
			continue
		}
		o.change(i).Aliases[j].Departure = next
		switch {
		case told && len(o.keys[i].Aliases) == 1:
		case next.Confirmed:
			o.tell(i, Event{Type: EventAliasGone, Kid: a.Kid})
		default:
			o.tell(i, Event{Type: EventAliasLeft, Kid: a.Kid})
		}
	}
}

// depart is the departure d of something last listed at seen, after one more
// observation that lacked it. The first absence begins it, a later one confirms
// it; two answers in quick succession may come from the same stale edge, so that
// the second one counts only after removal_confirm, and a document that is
// applied again is no second one.
func (o *observation) depart(d Departure, seen time.Time) (Departure, bool) {
	switch {
	case d.LeftAt.IsZero():
		d.LeftAt = o.at
		d.GraceFrom, d.GraceUntil = o.params.withdrawal(o.at, seen)
		d.Drift = max(0, o.now.drift())
		return d, true
	case !d.Confirmed && o.at.After(o.previous) && !o.at.Before(d.LeftAt.Add(o.params.RemovalConfirm)):
		d.Confirmed = true
		return d, true
	}
	return d, false
}
