package model

import (
	"fmt"
	"slices"
	"time"
)

// act carries out a step.
func (w *world) act(s step) error {
	o, kid, key := w.origins[s.iss], kids[s.kid], materials()[s.key]
	who := issuerNames[s.iss]
	switch s.op {
	case opPublish:
		l := w.listing(s)
		w.tell("%s: publishes %s", who, l)
		o.change(func(doc []listing) []listing { return published(doc, l) })
	case opWithdraw:
		w.tell("%s: withdraws %s", who, kid)
		o.change(func(doc []listing) []listing {
			return slices.DeleteFunc(doc, func(l listing) bool { return l.kid == kid })
		})
	case opRename:
		w.tell("%s: renames %s to %s", who, key.label, kid)
		o.change(func(doc []listing) []listing { return renamed(doc, key, kid) })
	case opClear:
		w.tell("%s: publishes no key at all", who)
		o.change(func([]listing) []listing { return nil })
	case opEdge:
		w.tell("%s: the next answer is %d versions old, with Age %s", who, s.n, s.d)
		o.set(func() { o.edges = append(o.edges, edge{s.n, s.d}) })
	case opFault:
		w.tell("%s: fails (%s)", who, [...]string{"502", "reset", "a web page", "truncated", "hangs"}[s.n])
		o.set(func() { o.fault = s.n })
	case opHeal:
		o.set(func() { o.fault = -1 })
	case opSlow:
		o.set(func() { o.slow = s.d })
	case opWait:
		time.Sleep(s.d)
	case opFetch:
		w.fetch(s.iss)
	case opDeadline:
		time.Sleep(w.deadline(s.iss, s.d))
	case opClock:
		return w.stepClock(s.d)
	case opToken:
		return w.token(s)
	case opRetire, opRevoke, opRestore:
		return w.order(s)
	case opConfig:
		return w.configure(s)
	case opRestart:
		if s.n == 1 {
			w.disk.crash()
		}
		return w.restart(s.d, s.e)
	case opDie:
		w.disk.dieAt(s.n)
	case opDisk:
		w.tell("the disk: %s", [...]string{"works", "is full", "does not sync"}[s.n])
		w.disk.fail(s.n)
	default:
		return fmt.Errorf("the step %q is not known", s.op)
	}
	return nil
}

// fetch waits until the issuer was asked once more: the interval, a tenth of it,
// and the time-out of the fetch that hangs.
func (w *world) fetch(iss int) {
	o := w.origins[iss]
	n := o.count()
	for end := time.Now().Add(w.conf.params.interval*12/10 + 10*time.Second); o.count() == n && time.Now().Before(end); {
		time.Sleep(500 * time.Millisecond)
	}
}

// deadline is how long it is until the next deadline that the model knows of, and
// d more; nothing if there is none soon.
func (w *world) deadline(iss int, d time.Duration) time.Duration {
	m, now := w.models[iss], w.now()
	next := moment(0)
	consider := func(t moment) {
		if t != 0 && t+d > now.life && (next == 0 || t < next) {
			next = t
		}
	}
	consider(m.observed.life + m.params.maxStale)
	for _, r := range m.records {
		for _, t := range []moment{r.counts.life, r.until.life, r.orderUntil.life, r.activates, r.listing.notBefore, r.listing.expires, r.ordered} {
			consider(t)
		}
		for _, n := range r.names {
			consider(n.counts.life)
			consider(n.until.life)
		}
	}
	const soon = 15 * time.Minute
	if next == 0 || next-now.life > soon {
		return 0
	}
	w.tell("(to the next deadline, and %v)", d)
	return next + d - now.life
}

// noticed is how long the guard may take to notice a step of the clock, and some
// more.
const noticed = 1100 * time.Millisecond

// stepClock moves the wall clock against the monotonic one. What that closes is
// closed at once; the owner notices within a second.
func (w *world) stepClock(d time.Duration) error {
	w.wall.ahead.Add(int64(d))
	w.tell("the wall clock steps by %+v", d)
	for _, m := range w.models {
		m.last = w.now()
	}
	if err := w.compareStates(); err != nil {
		return err
	}
	time.Sleep(noticed)
	return nil
}
