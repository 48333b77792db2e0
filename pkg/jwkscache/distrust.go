package jwkscache

import "github.com/jwtguard/jwtguard/pkg/keyset"

// distrust is the material of a revoked key.
type distrust struct{ thumbprint, modulus, reason string }

// byModulus is the name of a modulus among the thumbprints: no thumbprint has a
// colon.
func byModulus(modulus string) string { return "modulus:" + modulus }

// carry takes the distrust of revoked keys among the events of one cache to all
// others.
func (g *Group) carry(from *Cache, events []keyset.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fresh := g.note(events)
	if len(fresh) == 0 {
		return
	}
	for _, m := range g.members {
		if m.Cache != from {
			m.post(func(o *owner) { o.distrust(fresh) })
		}
	}
}

// note remembers the material of revoked keys among the events, and gives what
// was not known yet; g.mu is held. There is no more of it than there are records.
func (g *Group) note(events []keyset.Event) []distrust {
	var fresh []distrust
	for _, e := range events {
		if e.Key == nil || e.Key.RevokedAt.IsZero() || e.Key.Thumbprint == "" {
			continue
		}
		d := distrust{e.Key.Thumbprint, e.Key.Modulus, "revoked under another issuer of this guard"}
		// The modulus of a key that was revoked unseen comes to light later.
		if old, known := g.distrusted[d.thumbprint]; !known || old.modulus == "" && d.modulus != "" {
			g.distrusted[d.thumbprint] = d
			if d.modulus != "" {
				g.distrusted[byModulus(d.modulus)] = d
			}
			fresh = append(fresh, d)
		}
	}
	return fresh
}

// among gives the distrust that concerns the keys of a document.
func (g *Group) among(keys []keyset.Listed) []distrust {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.distrusted) == 0 {
		return nil
	}
	var found []distrust
	for _, l := range keys {
		for _, name := range [...]string{l.Thumbprint, byModulus(l.Modulus)} {
			if d, ok := g.distrusted[name]; ok {
				found = append(found, d)
			}
		}
	}
	return found
}

// refuse applies distrust to a set.
func refuse(set *keyset.Set, all []distrust, now keyset.Instant) (*keyset.Set, []keyset.Event) {
	var events []keyset.Event
	for _, d := range all {
		var more []keyset.Event
		set, more = set.Distrust(d.thumbprint, d.modulus, d.reason, now)
		events = append(events, more...)
	}
	return set, events
}

func (o *owner) distrust(all []distrust) {
	if set, events := refuse(o.Set(), all, o.group.clock.Now()); set != o.Set() {
		o.publish(set, events)
	}
}
