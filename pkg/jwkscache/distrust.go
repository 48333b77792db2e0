package jwkscache

import "github.com/jwtguard/jwtguard/pkg/keyset"

// distrust is the material of a revoked key.
type distrust struct{ thumbprint, modulus, reason string }

// carry takes the distrust of revoked keys among the events of one cache to all
// others.
func (g *Group) carry(from *Cache, events []keyset.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.note(events) {
		for _, m := range g.members {
			if m.Cache != from {
				m.post(func(o *owner) { o.distrust(d) })
			}
		}
	}
}

// note remembers the material of revoked keys among the events, and gives what
// was not known yet; g.mu is held.
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
			fresh = append(fresh, d)
		}
	}
	return fresh
}

func (o *owner) distrust(d distrust) {
	if set, events := o.Set().Distrust(d.thumbprint, d.modulus, d.reason, o.group.clock.Now()); set != o.Set() {
		o.publish(set, events)
	}
}
