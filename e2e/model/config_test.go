package model

import "time"

// configure reloads the configuration with other settings, and perhaps a line
// about a key.
func (w *world) configure(s step) error {
	w.conf.params = settings[s.n]
	if kind := int(s.e); kind != noLine {
		c := command{action: retire, key: materials()[s.key], at: w.now().wall + s.d}
		if kind == revokedLine {
			c.action, c.at = revoke, 0
		}
		if r := w.models[s.iss].byThumb(c.key.thumb); (r == nil || !r.seen) && s.d > 0 {
			c.at -= s.d // a time to come is given for keys that are known
		}
		if c.at != 0 && s.kid%2 == 1 {
			c.grace = 30 * time.Second
		}
		w.conf.orders[s.iss] = append(w.conf.orders[s.iss], c)
		w.tell("the configuration: settings %d, and for %s: %s", s.n, issuerNames[s.iss], c)
	} else {
		w.tell("the configuration: settings %d", s.n)
	}
	plan, err := w.guard.group.Plan(w.configs())
	if err != nil {
		return err
	}
	w.calm()
	w.guard.group.Adopt(plan)
	for i := range w.models {
		w.adopt(i, false)
	}
	return nil
}

// adopt puts the configuration into force in the model of one issuer. At a start,
// what fell due while nobody looked comes before the orders.
func (w *world) adopt(i int, start bool) {
	m, now := w.models[i], w.now()
	m.reconfigure(w.conf.params)
	if start {
		m.settle(now)
	}
	w.mark(i)
	for _, c := range w.conf.orders[i] {
		m.order(c, now)
		w.mark(i)
	}
	m.settle(now)
	w.carry()
}
