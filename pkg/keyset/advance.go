package keyset

import "slices"

// Advance brings the set to the given instant: it makes final what has become
// final, and tells the states that have changed. States themselves need no
// Advance; they follow from the instant at which they are asked for.
func (s *Set) Advance(now Instant) (*Set, []Event) {
	if !slices.ContainsFunc(s.keys, func(k *Key) bool { return k.State(now) != k.Told || s.finalAt(k, now) }) {
		return s, nil
	}
	d := s.edit(now)
	d.advance()
	return d.done(), d.events
}

func (d *draft) advance() {
	for i, k := range d.keys {
		if state := k.State(d.now); state != k.Told {
			from := k.Told
			d.change(i).Told = state
			d.tell(i, Event{Type: EventState, From: from, To: state})
		}
		if d.finalAt(d.keys[i], d.now) {
			// With a short grace the absence may have counted only after it.
			c := d.change(i)
			c.RetiredAt = later(c.GraceUntil, earlier(c.GraceFrom, d.now.Life))
			c.Final, c.Reason, c.Actor = true, "withdrawn by the issuer", ""
			d.tell(i, Event{Type: EventFinal})
		}
	}
}

// finalAt tells whether the retirement of k becomes final: its grace is over on
// the clock that never steps, two observations lacked it, and the newest one
// lists another active key. Without the last condition an issuer that answers
// {"keys":[]} by mistake would lose its keys for ever. Nor is a key final that the
// newest observation lists, though that is held back. An order that lies ahead
// does not put it off.
func (s *Set) finalAt(k *Key, now Instant) bool {
	return !k.ordered(now) && k.Confirmed && !k.LastSeen.Equal(s.observed.Life) && !k.GraceUntil.IsZero() && !now.Life.Before(k.GraceUntil) &&
		slices.ContainsFunc(s.keys, func(o *Key) bool {
			return o.LastSeen.Equal(s.observed.Life) && o.State(now) == Active
		})
}
