package keyset

import (
	"slices"
	"time"
)

// Impact is what an order would do, for whoever decides whether to give it.
type Impact struct {
	Keys      []*Key    // the records that the order names; none: it is of a key that was never seen
	Changes   bool      // it would change something
	LastKey   bool      // it would leave the issuer without an active key, and there is one now
	InUse     *Key      // the key of which tokens would be cut off; nil: none
	UsedUntil time.Time // with InUse: when the last of these tokens expires, clock skew included
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
	i.LastKey = s.hasActive(now) && !after.hasActive(now)
	if o.Action != Retire {
		return i, nil
	}
	for _, k := range i.Keys {
		changed, ok := after.ByThumbprint(k.Thumbprint)
		if !ok || !k.State(now).Usable() {
			continue
		}
		until := k.LatestExpiry().Add(skew)
		if until.After(now.Wall) && until.After(changed.GraceUntil) && until.After(i.UsedUntil) {
			i.InUse, i.UsedUntil = k, until
		}
	}
	return i, nil
}

func (s *Set) hasActive(now Instant) bool {
	return slices.ContainsFunc(s.keys, func(k *Key) bool { return k.State(now) == Active })
}
