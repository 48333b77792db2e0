package keyset

import (
	"slices"
	"time"
)

// Impact is what an order would do, for whoever decides whether to give it.
type Impact struct {
	Keys      []*Key    // the records that the order names; none: it is of a key that was never seen
	Changes   bool      // it would change something; if not, nothing below is told
	LastKey   bool      // it takes the last usable key: no other one that fits is left to sign with or, if there was none before, to verify with
	Unfit     bool      // with LastKey: active keys are left, and none of them fits; see [Set.Unfit]
	InUse     *Key      // the key of which tokens would be cut off; nil: none
	UsedUntil time.Time // with InUse: when the last of these tokens expires, clock skew included
	CutOff    time.Time // with InUse: when the key would be refused. Both by the wall clock
}

// Impact tells what an order would do now. skew is by how much tokens are
// accepted after their exp. Errors are those of [Set.Apply], but for the unknown
// key: an order that retires or revokes can name one that is yet to come.
func (s *Set) Impact(o Order, skew time.Duration, now Instant) (Impact, error) {
	var i Impact
	for _, n := range s.edit(now).targets(o) {
		i.Keys = append(i.Keys, s.keys[n])
	}
	after, events, err := s.Apply(o, now)
	if err != nil {
		return i, err
	}
	i.Changes = len(events) > 0
	i.LastKey = s.hasActive(now) && !after.hasActive(now) || s.takesUsable(events, now) && !after.hasService(now)
	i.Unfit = i.LastKey && after.Unfit(now)
	if o.Action != Retire || !i.Changes {
		return i, nil
	}
	for _, k := range i.Keys {
		changed, ok := after.ByThumbprint(k.Thumbprint)
		if !ok || !k.State(now).Usable() {
			continue
		}
		until, end := k.LatestExpiry().Add(skew), changed.graceEnd(now)
		if until.After(now.Wall) && until.After(end) && until.After(i.UsedUntil) {
			i.InUse, i.UsedUntil, i.CutOff = k, until, end
		}
	}
	return i, nil
}

// takesUsable tells whether the events of an order put a key out of service of
// which tokens are accepted now.
func (s *Set) takesUsable(events []Event, now Instant) bool {
	return slices.ContainsFunc(events, func(e Event) bool {
		if e.Type != EventOrdered || e.Action == Reinstate {
			return false
		}
		k, ok := s.ByThumbprint(e.Key.Thumbprint)
		return ok && k.State(now).Usable() && s.fits(k)
	})
}

// fits tells whether a token of the key can pass while its state permits it.
func (s *Set) fits(k *Key) bool { return s.params.Fits == nil || s.params.Fits(k) }

// hasActive tells whether the issuer has a key to sign with.
func (s *Set) hasActive(now Instant) bool {
	return slices.ContainsFunc(s.keys, func(k *Key) bool { return k.State(now) == Active && s.fits(k) })
}

// Unfit tells whether the issuer has active keys, and none that may be used with
// its algorithms: tokens are refused as if there were no key.
func (s *Set) Unfit(now Instant) bool {
	return !s.hasActive(now) && slices.ContainsFunc(s.keys, func(k *Key) bool { return k.State(now) == Active })
}

// hasService tells whether there is a key that is usable and may stay so.
func (s *Set) hasService(now Instant) bool {
	return slices.ContainsFunc(s.keys, func(k *Key) bool { return k.State(now).Usable() && !k.ordered(now) && s.fits(k) })
}

// graceEnd is when grace_until is reached on one of the clocks, by the wall clock
// as it goes now.
func (k *Key) graceEnd(now Instant) time.Time {
	return k.GraceUntil.Add(min(k.Drift, now.drift()))
}
