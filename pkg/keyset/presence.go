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
		k.Alg, k.NotBefore, k.Expires = l.Alg, l.NotBefore, l.Expires
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
	before := *k
	k.Activates = o.activation(k, first)
	if _, twice := o.present[i]; twice {
		k.NotBefore, k.Expires = later(k.NotBefore, l.NotBefore), earlier(k.Expires, l.Expires)
	} else {
		k.Alg, k.NotBefore, k.Expires = l.Alg, l.NotBefore, l.Expires
	}
	o.present[i] = l
	if !first && changed(&before, k) {
		o.tell(i, Event{Type: EventChanged})
	}
	back := !k.LeftAt.IsZero() && !k.ordered(o.now)
	if back {
		o.comeBack(i)
	}
	switch known, led := o.call(i, l.Kid); {
	case first:
		o.tell(i, Event{Type: EventFirstSeen, Kid: l.Kid})
	case !known:
		o.tell(i, Event{Type: EventAliasSeen, Kid: l.Kid})
	case !led && (len(k.Aliases) > 1 || !back):
		o.tell(i, Event{Type: EventAliasBack, Kid: l.Kid})
	}
}

// activation is when the delay of a key ends that is listed now. Settings that
// changed since its first sight do not put it off.
func (o *observation) activation(k *Key, first bool) time.Time {
	switch activates := k.FirstSeen.Add(o.params.ActivationDelay); {
	case !first && (!o.now.Life.Before(k.Activates) || !activates.Before(k.Activates)):
		return k.Activates
	case o.params.ActivationDelay == 0:
		return time.Time{}
	default:
		return activates
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

// call notes that the document lists the record i under kid. It tells whether it
// was known by that name, and whether the name still led to it, not withdrawn.
func (o *observation) call(i int, kid string) (known, led bool) {
	k := o.change(i)
	j := k.alias(kid)
	if j < 0 {
		k.Aliases = append(k.Aliases, Alias{Kid: kid})
		j = len(k.Aliases) - 1
	}
	was, leads := k.Aliases[j], o.byKid[kid] == name{i, j}
	known = !was.FirstSeen.IsZero()
	k.Aliases[j] = Alias{Kid: kid, FirstSeen: was.FirstSeen, LastSeen: o.at}
	if !known {
		k.Aliases[j].FirstSeen = o.at
	}
	if !known || !leads {
		o.enter(i) // another key may have had the name
	}
	return known, leads && was.LeftAt.IsZero()
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
