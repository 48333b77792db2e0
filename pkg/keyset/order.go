package keyset

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// Action is what an order does to a key.
type Action string

// The actions.
const (
	Retire    Action = "retire"    // out of service for ever, as planned
	Revoke    Action = "revoke"    // out of service for ever because of compromise: no grace
	Reinstate Action = "reinstate" // undo a retirement
)

// Order is an operator's decision about a key, given through the admin API or by
// a line of the configuration. It names the key by kid, by thumbprint or by both;
// with both, the thumbprint is the key and the kid another name of it.
type Order struct {
	Action     Action
	Kid        string
	Thumbprint string
	Modulus    string        // with Thumbprint, where it is known
	At         time.Time     // when it takes effect; zero: now. Of Reinstate: only retirements before it are undone, and none while it lies ahead
	Grace      time.Duration // of Retire, counted from At
	Reason     string
	Actor      string
	Again      bool // of Retire: given now, by a person; it outlasts a reinstatement of before, even of a key that is retired already
	Forced     bool // force overrode an objection, e.g. that it is the last usable key; it is told, and changes nothing else
}

// What can be wrong with an order.
var (
	ErrUnknownKey = errors.New("no such key")
	ErrRevoked    = errors.New("the key is revoked, and a revoked key cannot be reinstated")
)

// Apply carries out an order. A key that was never seen is recorded as out of
// service, so that it is refused when it comes. An order that changes nothing,
// because it or a stricter one was given before, gives no event.
func (s *Set) Apply(o Order, now Instant) (*Set, []Event, error) {
	d := s.edit(now)
	if err := d.apply(o); err != nil {
		return s, nil, err
	}
	set, events := d.finish(s)
	return set, events, nil
}

// ApplyAll carries out the orders of a configuration, one after the other. One
// that cannot be carried out, because it reinstates a key that is revoked or not
// known, changes nothing.
func (s *Set) ApplyAll(orders []Order, now Instant) (*Set, []Event) {
	d := s.edit(now)
	for _, o := range Effective(orders) {
		_ = d.apply(o)
	}
	return d.finish(s)
}

// apply carries out an order, wholly or not at all.
func (d *draft) apply(o Order) error {
	if o.Kid == "" && o.Thumbprint == "" {
		return ErrUnknownKey
	}
	targets := d.targets(o)
	if o.Action == Reinstate {
		return d.reinstate(o, targets)
	}
	if len(targets) == 0 {
		k := &Key{Thumbprint: o.Thumbprint, Modulus: o.Modulus}
		if o.Kid != "" {
			k.Aliases = []Alias{{Kid: o.Kid}}
		}
		targets = append(targets, d.add(k))
	}
	for _, i := range targets {
		d.withdraw(i, o)
	}
	if o.Action == Revoke {
		o.Kid = "" // the order's name is not theirs
		for _, i := range targets {
			for _, j := range d.akin(d.keys[i].Thumbprint, d.keys[i].Modulus) {
				d.withdraw(j, o)
			}
		}
	}
	return nil
}

// finish is what orders lead to: the old set, if they changed nothing.
func (d *draft) finish(old *Set) (*Set, []Event) {
	switch {
	case len(d.events) > 0:
		d.advance()
	case len(d.copied) == 0:
		return old, nil
	}
	return d.done(), d.events
}

// targets are the records that an order names.
func (d *draft) targets(o Order) []int {
	if o.Thumbprint != "" {
		if i, ok := d.byThumbprint[o.Thumbprint]; ok {
			return []int{i}
		}
		return nil
	}
	var found []int
	for i, k := range d.keys {
		if k.alias(o.Kid) >= 0 {
			found = append(found, i)
		}
	}
	return found
}

// withdraw puts the record i out of service. What stands already is only ever
// made stricter.
func (d *draft) withdraw(i int, o Order) {
	k := d.keys[i]
	at := o.At
	if at.IsZero() {
		at = d.now.Life
	}
	if o.Kid != "" && k.alias(o.Kid) < 0 && len(k.Aliases) < MaxKids {
		c := d.change(i)
		c.Aliases = append(c.Aliases, Alias{Kid: o.Kid})
		d.enter(i)
		d.tell(i, Event{Type: EventOrdered, Action: o.Action, Kid: o.Kid, Forced: o.Forced})
	}
	switch {
	case !k.RevokedAt.IsZero():
		return
	case o.Action == Revoke:
		d.revoke(i, o.Reason, o.Actor)
		c := d.change(i)
		c.RetiredAt, c.RevokedAt = earlier(c.RetiredAt, at), earlier(c.RevokedAt, at)
	default:
		until := at // a key that was never seen gets no grace: nobody knows since when it is out
		if k.Seen() {
			until = at.Add(o.Grace)
		}
		ordered := o.At
		if ordered.IsZero() {
			ordered = later(d.now.Wall, d.now.Life) // a clock that stepped back must not make it an earlier order
		}
		drift := time.Duration(0) // at is a time of the wall clock, unless it is now
		if o.At.IsZero() {
			drift = max(0, d.now.drift())
		}
		if k.Final && !at.Before(k.RetiredAt) && !until.Before(k.OrderedUntil) && k.Drift <= drift {
			if o.Again && k.retiredWall().Before(ordered) {
				d.change(i).OrderedWall = ordered
			}
			return
		}
		c := d.change(i)
		c.Final, c.Reinstated, c.Reason, c.Actor = true, false, o.Reason, o.Actor
		c.RetiredAt, c.OrderedUntil = earlier(k.RetiredAt, at), earlier(k.OrderedUntil, until)
		c.OrderedWall = later(k.OrderedWall, ordered)
		c.GraceUntil = earlier(k.GraceUntil, until)
		if !k.GraceUntil.IsZero() {
			drift = min(drift, k.Drift)
		}
		c.Drift = drift
	}
	d.tell(i, Event{Type: EventOrdered, Action: o.Action, Kid: o.Kid, Forced: o.Forced})
}

// reinstate undoes the retirement of the targets, all or none.
func (d *draft) reinstate(o Order, targets []int) error {
	if len(targets) == 0 {
		return ErrUnknownKey
	}
	if slices.ContainsFunc(targets, func(i int) bool { return !d.keys[i].RevokedAt.IsZero() }) {
		return ErrRevoked
	}
	if d.now.Wall.Before(o.At) {
		return nil // it would undo whatever is retired until then
	}
	d.returned = cloned(d.returned)
	gone := map[int]bool{}
	for _, i := range targets {
		k := d.keys[i]
		switch {
		case !k.Final || !o.At.IsZero() && !k.retiredWall().Before(o.At):
			continue
		case !k.Seen():
			gone[i] = true
			c := d.change(i)
			c.Reason, c.Actor = o.Reason, o.Actor // for who is told that it is gone
		default:
			inForce := k.ordered(d.now)
			c := d.change(i)
			c.Final, c.RetiredAt, c.OrderedWall, c.OrderedUntil = false, time.Time{}, time.Time{}, time.Time{}
			c.Reason, c.Actor = o.Reason, o.Actor
			maps.DeleteFunc(d.returned, func(_ string, r int) bool { return r == i })
			// Only a key that the issuer lists goes back into service now. Any
			// other one is back when the issuer lists it again.
			switch {
			case k.LastSeen.Equal(d.observed.Life):
				c.Departure = Departure{}
			case inForce:
				c.Departure = Departure{LeftAt: k.LastSeen, GraceFrom: k.LastSeen, GraceUntil: k.LastSeen}
				c.Reinstated = true
			}
		}
		d.tell(i, Event{Type: EventOrdered, Action: Reinstate, Kid: o.Kid, Forced: o.Forced})
	}
	d.drop(gone)
	return nil
}

// Distrust revokes what the set has of the material of a key that was revoked
// under another issuer: trust never crosses issuers, distrust does. Material that
// the set does not have leaves no trace in it, so that one issuer cannot fill the
// records of another; whoever applies a document asks again.
func (s *Set) Distrust(thumbprint, modulus, reason string, now Instant) (*Set, []Event) {
	if len(s.akin(thumbprint, modulus)) == 0 {
		return s, nil
	}
	d := s.edit(now)
	if i, known := d.byThumbprint[thumbprint]; known && modulus != "" && d.keys[i].Modulus == "" {
		// A key that was revoked unseen: its modulus has come to light since.
		d.change(i).Modulus = modulus
		d.enter(i)
		d.tell(i, Event{Type: EventDistrusted})
	}
	for _, i := range d.akin(thumbprint, modulus) {
		if d.revoke(i, reason, "") {
			d.tell(i, Event{Type: EventDistrusted})
		}
	}
	if len(d.events) == 0 {
		return s, nil
	}
	d.advance()
	return d.done(), d.events
}

// Effective drops the retirements that a later reinstatement of the same key
// undoes, and puts reinstatements last, so that reading a configuration again
// does not retire and reinstate a key in turn.
func Effective(orders []Order) []Order {
	undone := func(o Order) bool {
		return o.Action == Retire && !o.At.IsZero() && slices.ContainsFunc(orders, func(r Order) bool {
			return r.Action == Reinstate && o.At.Before(r.At) &&
				(r.Thumbprint != "" && r.Thumbprint == o.Thumbprint || r.Thumbprint == "" && r.Kid == o.Kid)
		})
	}
	kept := slices.DeleteFunc(slices.Clone(orders), undone)
	slices.SortStableFunc(kept, func(a, b Order) int { return rank(a) - rank(b) })
	return kept
}

func rank(o Order) int {
	if o.Action == Reinstate {
		return 1
	}
	return 0
}
