package model

import (
	"errors"
	"fmt"
	"sync"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
)

// world is one schedule being played: issuers, a machine with a disk and clocks,
// the guard on it, and the model beside it. All of it belongs to the goroutine
// that plays, but for what says otherwise.
type world struct {
	faults  faultsOf
	wall    wallClock
	disk    *disk
	conf    configuration
	origins []*origin
	log     journal
	guard   *guard
	story   []string
	began   time.Time
	seen    [2]string // the answer that was told last

	models     []*issuer
	history    [][]*issuer       // what each model was since all of it was last known to be on disk; the present is the last
	distrusted map[string]string // materials revoked under any issuer: thumbprint to modulus
	checks     *invariants
}

// landing is one answer as it reached the guard.
type landing struct {
	iss                   int
	start, landed         time.Time // of the bubble
	startWall, landedWall time.Time
	age                   time.Duration
	doc                   []listing
	failed                bool
}

// journal is what happened since the model was last told. Transports write it.
type journal struct {
	mu   sync.Mutex
	wall *wallClock
	all  []landing
}

func (j *journal) land(l landing) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l.landed, l.landedWall = time.Now(), j.wall.now()
	j.all = append(j.all, l)
}

func (j *journal) take() []landing {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.all
	j.all = nil
	return all
}

func newWorld(f faultsOf) *world {
	w := &world{faults: f, disk: newDisk(), conf: configuration{params: settings[0]}, began: time.Now(), distrusted: map[string]string{}, checks: newInvariants()}
	w.log.wall = &w.wall
	for i := range issuers {
		o := newOrigin(i, &w.log)
		o.ignorant, o.doubled = f.ignorant, f.doubled
		w.origins = append(w.origins, o)
		w.models = append(w.models, newIssuer(w.conf.params))
	}
	w.history = make([][]*issuer, len(issuers))
	return w
}

// now is the present on both clocks, as the model computes it.
func (w *world) now() instant { return w.at(time.Now(), w.wall.now()) }

func (w *world) at(bubble, wall time.Time) instant {
	return instant{wall: momentOf(wall), life: w.guard.base + bubble.Sub(w.guard.from)}
}

// tell adds a line to the story.
func (w *world) tell(format string, args ...any) { w.tellAt(time.Now(), format, args...) }

func (w *world) tellAt(t time.Time, format string, args ...any) {
	line := fmt.Sprintf("%9.3fs  ", t.Sub(w.began).Seconds())
	if ahead := time.Duration(w.wall.ahead.Load()); ahead != 0 {
		line += fmt.Sprintf("(wall %+v) ", ahead)
	}
	w.story = append(w.story, line+fmt.Sprintf(format, args...))
}

// play runs a schedule, and gives what went wrong: the first difference between
// guard and model, or the first invariant that did not hold. It must be called in
// a bubble.
func play(steps []step, f faultsOf) (story []string, err error) {
	w := newWorld(f)
	defer func() {
		if w.guard != nil {
			w.guard.stop()
		}
	}()
	if err := w.start(remains{}); err != nil {
		return w.story, err
	}
	for _, s := range steps {
		if err := w.step(s); err != nil {
			return w.story, err
		}
	}
	return w.story, w.final()
}

// step takes one step, lets everybody settle, and compares.
func (w *world) step(s step) error {
	if err := w.act(s); err != nil {
		return err
	}
	return w.settle()
}

// settle tells the model what happened, and compares the guard with it. A machine
// whose process died is started again.
func (w *world) settle() error {
	w.calm()
	if w.disk.dead() {
		w.tell("the process has died at a file operation")
		return w.restart(time.Second, 0)
	}
	return errors.Join(w.compare(), w.checks.spacing(w))
}

// calm lets everybody settle, and tells the model what happened until then. What
// waits for a disk that fails comes into force within a second.
func (w *world) calm() {
	for synctest.Wait(); w.guard.book.waits.Load() > 0; synctest.Wait() {
		time.Sleep(50 * time.Millisecond)
	}
	w.catchUp()
}

// catchUp tells the model of every answer that reached the guard.
func (w *world) catchUp() {
	for _, l := range w.log.take() {
		if w.disk.died(l.landed) {
			continue
		}
		w.land(l)
	}
	w.follow(w.now())
	if w.guard.book.kept() {
		w.durable()
	}
}

// follow lets time pass in the model.
func (w *world) follow(now instant) {
	for i, m := range w.models {
		m.follow(now)
		w.mark(i)
	}
}

// land is one answer in the eyes of the model.
func (w *world) land(l landing) {
	m, now := w.models[l.iss], w.at(l.landed, l.landedWall)
	w.follow(now)
	if l.failed || l.age > m.params.maxStale { // older than max_stale: no observation
		m.failing = true
		w.tellAt(l.landed, "%s: a fetch failed", issuerNames[l.iss])
		return
	}
	if doc := told(l); w.seen[l.iss] != doc { // what stays as it was is no part of the story
		w.seen[l.iss] = doc
		w.tellAt(l.landed, "%s: fetched %s", issuerNames[l.iss], doc)
	}
	m.observe(l.doc, w.at(l.start, l.startWall).less(l.age), now)
	w.mark(l.iss)
	for _, e := range l.doc {
		for thumb, modulus := range w.distrusted {
			if e.private || e.broken {
				continue // it is not used, whoever has it
			}
			if thumb == e.key.thumb || modulus != "" && modulus == e.key.modulus {
				m.distrust(thumb, modulus)
			}
		}
	}
	w.mark(l.iss)
	w.carry()
}

// carry takes the distrust of every key that was revoked since to all issuers:
// trust never crosses issuers, distrust does.
func (w *world) carry() {
	for _, m := range w.models {
		for _, r := range m.records {
			if old, known := w.distrusted[r.thumb]; r.revoked && r.thumb != "" && (!known || old != r.modulus) {
				w.distrusted[r.thumb] = r.modulus
				for _, other := range w.models {
					other.distrust(r.thumb, r.modulus)
				}
			}
		}
	}
	for i := range w.models {
		w.mark(i)
	}
}

// carryAll does the same for all that was ever revoked, as at a start.
func (w *world) carryAll() {
	clear(w.distrusted)
	w.carry()
}

// mark notes the present as one that may be found after a crash.
func (w *world) mark(i int) { w.history[i] = append(w.history[i], w.models[i].clone()) }

// durable notes that nothing of the past can come back any more.
func (w *world) durable() {
	for i := range w.history {
		w.history[i] = nil
		w.mark(i)
	}
}

// report is called by the guard after each fetch.
func (w *world) report(f jwkscache.Fetch) { w.checks.fetched(f) }
