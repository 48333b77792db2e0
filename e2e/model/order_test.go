package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// patience is how long an operator waits for an order to be durable.
const patience = 5 * time.Second

// order gives an order to guard and model. What the admin API refuses before it
// asks for an order (section 9) is not asked here either.
func (w *world) order(s step) error {
	c, ok := w.command(s)
	if !ok {
		return nil
	}
	w.tell("%s: %s", issuerNames[s.iss], c)
	w.calm()
	failing := !w.disk.works() || w.guard.book.Status().Failing != nil // it tries again within seconds
	var before []landing                                               // what the guard knew when it carried out the order
	var at instant
	admit := func(*keyset.Set, keyset.Instant) error {
		before, at = w.log.take(), w.now()
		return nil
	}
	changed, durable, err := w.guard.group.Order(context.Background(), issuerNames[s.iss], orderOf(c, "operator"), admit)
	for _, l := range before {
		w.land(l)
	}
	w.follow(at)
	if err := w.obey(s.iss, c, at, changed, failing, err); err != nil || durable == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := durable(ctx); err != nil {
		w.tell("  in force, not durable: %v", err)
		return nil
	}
	w.checks.acknowledge(w, s.iss, c)
	return nil
}

// obey gives an order to the model, if the answer of the guard says that it was
// carried out and that is possible.
func (w *world) obey(iss int, c command, now instant, changed, failing bool, err error) error {
	m := w.models[iss]
	before, named := m.views(now), m.named(c)
	if err != nil {
		w.tell("  refused: %v", err)
	}
	switch {
	case err != nil && w.disk.dead():
		// Nobody heard the answer: it may have been written, or not.
		m.order(c, now)
		w.checks.doubt(iss, c, named)
	case errors.Is(err, jwkscache.ErrNotKept):
		if c.action != reinstate || !failing {
			return fmt.Errorf("%s was refused because nothing could be written (%w), which holds back reinstatements alone, on a disk that fails", c, err)
		}
	case err != nil:
		return fmt.Errorf("%s was refused: %w", c, err)
	case !m.order(c, now):
		return fmt.Errorf("%s was carried out, but cannot be", c)
	case !changed && !slices.Equal(before, m.views(now)):
		return fmt.Errorf("%s is said to change nothing", c)
	case c.action == reinstate:
		w.checks.doubt(iss, c, named)
	}
	m.settle(now)
	w.mark(iss)
	w.carry()
	return nil
}

// command is the order of a step, if the admin API would let it through.
func (w *world) command(s step) (command, bool) {
	m, now := w.models[s.iss], w.now()
	c := command{action: map[op]action{opRetire: retire, opRevoke: revoke, opRestore: reinstate}[s.op], grace: s.d}
	if s.n != byThumb {
		c.kid = kids[s.kid]
	}
	if s.n != byKid {
		c.key = materials()[s.key]
	}
	if c.action != retire {
		c.grace = 0
	}
	// A kid that names several records, or another one than the thumbprint: 409.
	named := m.targets(command{kid: kids[s.kid]})
	if c.kid != "" && (len(named) > 1 || c.key != nil && len(named) == 1 && named[0].thumb != c.key.thumb) {
		c.kid, c.key = "", materials()[s.key]
	}
	if c.action == reinstate {
		for _, r := range m.targets(c) {
			if !r.dead(now) || r.revoked {
				return c, false
			}
		}
		return c, len(m.targets(c)) > 0
	}
	return c, true
}

func (c command) String() string {
	s := string(c.action)
	if c.kid != "" {
		s += " kid " + c.kid
	}
	if c.key != nil {
		s += " key " + c.key.label
	}
	if c.grace != 0 {
		s += fmt.Sprintf(" with a grace of %s", c.grace)
	}
	if c.at != 0 {
		s += " at " + epoch.Add(c.at).Format(time.TimeOnly)
	}
	return s
}
