package keyset

import (
	"slices"
	"time"
)

// meet notes that the document lists the record i as l.
func (o *observation) meet(i int, l Listed) {
	k := o.change(i)
	first := !k.Seen()
	if first {
		k.Thumbprint, k.Modulus, k.Public, k.JWK = l.Thumbprint, l.Modulus, l.Public, l.JWK
		k.FirstSeen = o.at
		o.shareRevocation(append(o.akin("", l.Modulus), i))
	}
	k.LastSeen = o.at
	if o.outOfService(i) {
		// Its life is over. Its material is kept, so that evidence can check
		// signatures, and its names, so that a reinstatement finds them.
		if k.alias(l.Kid) >= 0 {
			o.call(i, l.Kid)
		}
		if first {
			o.enter(i)
		}
		return
	}
	switch activates := k.FirstSeen.Add(o.params.ActivationDelay); {
	case o.params.ActivationDelay == 0:
		k.Activates = time.Time{}
	case first || activates.Before(k.Activates): // settings that changed since do not put it off
		k.Activates = activates
	}
	before := *k
	if _, twice := o.present[i]; twice {
		k.NotBefore, k.Expires = later(k.NotBefore, l.NotBefore), earlier(k.Expires, l.Expires)
	} else {
		k.Alg, k.NotBefore, k.Expires = l.Alg, l.NotBefore, l.Expires
	}
	o.present[i] = l
	if !first && (k.Alg != before.Alg || !k.NotBefore.Equal(before.NotBefore) || !k.Expires.Equal(before.Expires)) {
		o.tell(i, Event{Type: EventChanged})
	}
	if !k.LeftAt.IsZero() && !k.ordered(o.now) {
		o.comeBack(i)
	}
	switch was, known := o.call(i, l.Kid); {
	case first:
		o.tell(i, Event{Type: EventFirstSeen, Kid: l.Kid})
	case !known:
		o.tell(i, Event{Type: EventAliasSeen, Kid: l.Kid})
	case !was.LeftAt.IsZero() && len(k.Aliases) > 1:
		o.tell(i, Event{Type: EventAliasBack, Kid: l.Kid})
	}
}

// shareRevocation revokes all records of one material if one of them is: that
// they are one has just been found.
func (o *observation) shareRevocation(kin []int) {
	r := slices.IndexFunc(kin, func(i int) bool { return !o.keys[i].RevokedAt.IsZero() })
	if r < 0 {
		return
	}
	source := o.keys[kin[r]]
	for _, i := range kin {
		if o.revoke(i, source.Reason, source.Actor) {
			o.tell(i, Event{Type: EventDistrusted})
		}
	}
}

// call notes that the document lists the record i under kid, and gives what was
// known of that name; known is false if it was never listed.
func (o *observation) call(i int, kid string) (was Alias, known bool) {
	k := o.change(i)
	j := k.alias(kid)
	if j < 0 {
		k.Aliases = append(k.Aliases, Alias{Kid: kid})
		j = len(k.Aliases) - 1
	}
	was = k.Aliases[j]
	known = !was.FirstSeen.IsZero()
	k.Aliases[j] = Alias{Kid: kid, FirstSeen: was.FirstSeen, LastSeen: o.at}
	if !known {
		k.Aliases[j].FirstSeen = o.at
	}
	if !known || !was.LeftAt.IsZero() {
		o.enter(i) // another key may have had the name
	}
	return was, known
}

// comeBack ends the departure of the record i, which is listed again. If the
// withdrawal had not counted yet, nothing happened; nor is it the issuer's doing
// if the key was reinstated.
func (o *observation) comeBack(i int) {
	k := o.change(i)
	left := k.Departure
	k.Departure = Departure{GraceUntil: k.OrderedUntil}
	o.tell(i, Event{Type: EventReturned})
	if left.withdrawn(o.now) && !k.Reinstated {
		k.Reverted, k.ReturnedAt = left, o.at
		o.tell(i, Event{Type: EventAnomaly, Anomaly: RemovalReverted})
	}
	k.Reinstated = false
}
