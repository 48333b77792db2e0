package model

import (
	"fmt"
	"time"
)

// start starts a guard, and holds what it remembers against the model.
func (w *world) start(r remains) error {
	g, err := startGuard(w)
	if err != nil {
		return fmt.Errorf("the guard does not start: %w", err)
	}
	w.guard = g
	if err := r.compare(g); err != nil {
		return err
	}
	for i, iss := range issuers {
		m, err := w.recall(i, g.book.sets[iss])
		if err != nil {
			return err
		}
		if now := w.now(); now.life-now.wall > 5*time.Second {
			m.doubt(now)
		}
		if m.last = w.now(); len(w.history[i]) == 1 {
			if err := opened(w.models[i], m); err != nil {
				return fmt.Errorf("%s: %w", issuerNames[i], err)
			}
		}
		w.models[i] = m
	}
	w.history = make([][]*issuer, len(issuers))
	for i := range w.models {
		w.adopt(i, true)
	}
	w.carryAll()
	w.checks.started(w)
	return w.settle()
}

// restart stops the guard, unless it was killed, and starts it again.
func (w *world) restart(down, step time.Duration) error {
	how, r := "stops", remains{}
	if w.disk.dead() {
		how = "is killed"
		if w.calm(); len(w.history[0]) == 1 {
			r = w.remains(false)
		}
	} else {
		w.disk.fail(diskWorks) // the operator made room
		w.calm()
		switch err := w.guard.book.release(); {
		case err == nil:
			w.durable()
			r = w.remains(true)
		case w.disk.dead():
			how = "is killed as it stops"
		default:
			return fmt.Errorf("a guard that stops, on a disk that works, does not write what it knows: %w", err)
		}
	}
	w.guard.stop()
	w.log.take()
	w.tell("the guard %s; %s later, the wall clock off by %+v, it starts again", how, down, step)
	time.Sleep(down)
	w.wall.ahead.Add(int64(step))
	w.disk.revive()
	return w.start(r)
}
