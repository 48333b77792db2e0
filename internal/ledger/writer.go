package ledger

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// usageEvery is how often counts are written: what a crash may lose of them.
	usageEvery = 5 * time.Minute
	// headEvery is how often the head is logged, to be kept off this host.
	headEvery = 15 * time.Minute
	// retryFirst and retryMost bound the wait after a failed attempt: soon enough
	// that an order is durable when there is room again, seldom enough for a disk
	// in trouble.
	retryFirst = time.Second
	retryMost  = 5 * time.Second
	// flushWithin bounds the end of Run.
	flushWithin = 5 * time.Second
)

// writer is the goroutine that owns the file. All of it belongs to that goroutine
// alone, but for the Ledger, which has its own lock.
type writer struct {
	*Ledger
	store

	images  map[string]*image // by iss: what a replay would give
	gap     outage            // that the next batch tells of; zero: none
	pause   time.Duration     // after the last attempt that failed
	usageAt time.Time         // when usage is due
	headAt  time.Time         // when the head is due in the log
	rotate  time.Time         // no sooner is a rotation tried
	torn    bool              // the last rotation failed
}

// state is the status at the start.
func (w *writer) state() Status {
	return Status{Sequence: w.seq, Head: string(w.head[:]), Size: w.size}
}

// run writes what comes until the ledger is released.
func (w *writer) run() {
	defer close(w.ended)
	w.usageAt = time.Now().Add(usageEvery)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.closing:
			w.end()
			return
		case <-w.wake:
		case <-timer.C:
		}
		timer.Reset(w.step())
	}
}

// step makes an attempt if there is something to write, and tells how long there
// will be nothing more.
func (w *writer) step() time.Duration {
	now := time.Now()
	w.mu.Lock()
	wait, idle := time.Until(w.retry), w.queue.empty() && w.queue.leftOut == 0
	w.mu.Unlock()
	if w.gap.lasts() && wait > 0 {
		return wait
	}
	if !idle || w.gap.lasts() || !now.Before(w.usageAt) {
		w.attempt(false)
	}
	if w.gap.lasts() {
		return time.Until(w.retry) // written by this goroutine alone
	}
	return max(time.Until(w.usageAt), 0)
}

// end writes the rest and gives the lock back. It is one attempt: a successor may
// wait for the lock.
func (w *writer) end() {
	w.attempt(true)
	w.mu.Lock()
	if w.status.Failing != nil {
		w.result = fmt.Errorf("ledger: released, but not all was written: %w", w.status.Failing)
	}
	w.over = true
	w.queue = queue{}
	w.announce()
	w.mu.Unlock()
	w.file.Close()
	w.lock.Close()
	w.logHead()
}

// attempt writes all that waits.
func (w *writer) attempt(last bool) {
	for {
		q, now := w.take(last)
		b := w.compose(q, now, last)
		known, err := w.append(b.b)
		switch {
		case err != nil:
			w.failed(q, known, err)
			return
		case w.succeeded(q, b, now):
			w.rotateIfDue(now, last)
			return
		}
		// Somebody gave up waiting, and was told that nothing is known: out with it.
		w.dirty = true
		if err := w.repair(); err != nil {
			w.failed(q, false, err)
			return
		}
		w.mu.Lock()
		q.commits = slices.DeleteFunc(q.commits, func(m *commit) bool { return m.abandoned })
		for _, m := range q.commits {
			m.taken = false
		}
		w.queue.restore(*q)
		w.mu.Unlock()
	}
}

// take empties the queue.
func (w *writer) take(last bool) (*queue, keyset.Instant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.queue
	w.queue = queue{}
	for _, m := range q.commits {
		m.taken = true
	}
	w.try()
	w.released = w.released || last
	return &q, w.clock()
}

// compose makes the lines of a batch.
func (w *writer) compose(q *queue, now keyset.Instant, last bool) *batch {
	b := &batch{scroll: scroll{chain: w.chain}, now: now, images: map[string]*draft{}}
	if !w.gap.since.IsZero() || q.leftOut > 0 {
		since, until := w.gap.since, w.gap.until
		if since.IsZero() {
			since = q.since
		}
		if until.IsZero() {
			until = now.Wall
		}
		b.line(now, eventGap, func() {
			b.time("since", since)
			b.time("until", until)
			b.number("errors", w.gap.errors)
			b.number("events_left_out", q.leftOut)
		})
	}
	bare := map[string]bool{} // records are in their order with the set, or with the events
	turned := map[string]bool{}
	for _, i := range q.items {
		bare[i.iss] = bare[i.iss] || i.bare
		turned[i.iss] = turned[i.iss] || i.turn()
	}
	for _, i := range q.all() {
		switch {
		case i.note != nil:
			b.line(i.note.at, i.note.event, func() { i.note.more(&b.encoder) })
		case i.kept:
			b.event(b.draft(i.iss, i.name, w.images[i.iss]), i.event, !bare[i.iss])
		default:
			b.event(&draft{iss: i.iss, image: image{name: i.name}}, i.event, false)
		}
	}
	newest := q.newest()
	for _, iss := range slices.SortedFunc(maps.Keys(newest), func(x, y string) int { return cmp.Compare(newest[x].n, newest[y].n) }) {
		l := newest[iss]
		d := b.draft(iss, l.name, w.images[iss])
		b.settle(d, l.set, last)
		if turned[iss] {
			b.usage(d) // a crash must not lose the last use before a key's end
		}
	}
	if last || q.usage || !time.Now().Before(w.usageAt) {
		w.account(b, last)
	}
	if last {
		b.line(now, eventStopped, func() {
			b.text("guard", w.cfg.Guard)
			b.text("version", w.cfg.Version)
		})
	}
	return b
}

// account appends the usage of all keys, and at the end the observations.
func (w *writer) account(b *batch, last bool) {
	for _, iss := range slices.Sorted(maps.Keys(w.images)) {
		m := w.images[iss]
		if b.images[iss] == nil && last {
			b.observe(b.draft(iss, "", m), m.latest, true)
		}
		if b.images[iss] == nil && m.used() {
			b.draft(iss, "", m)
		}
	}
	for _, iss := range slices.Sorted(maps.Keys(b.images)) {
		b.usage(b.images[iss])
	}
}

// succeeded publishes a batch that is durable. It does not if somebody gave up
// waiting for a part of it.
func (w *writer) succeeded(q *queue, b *batch, now keyset.Instant) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(q.commits, func(m *commit) bool { return m.abandoned }) {
		return false
	}
	w.chain, w.size = b.chain, w.size+int64(len(b.b))
	for iss, d := range b.images {
		m := d.image
		w.images[iss] = &m
	}
	for _, m := range q.commits {
		m.done <- nil
	}
	w.durable = max(w.durable, q.upTo)
	w.recovered(q.leftOut)
	w.gap, w.pause = outage{}, 0 // it stands in the batch
	w.owe()
	w.publish()
	w.announce()
	if q.usage || !time.Now().Before(w.usageAt) {
		w.usageAt = time.Now().Add(usageEvery)
	}
	if !time.Now().Before(w.headAt) {
		w.headAt = time.Now().Add(headEvery)
		w.logHead()
	}
	return true
}

// failed takes a batch back. known tells whether the file is as it was.
func (w *writer) failed(q *queue, known bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range q.commits {
		if known {
			m.done <- fmt.Errorf("not written: %w", err)
		} else {
			m.done <- fmt.Errorf("%w: %w", ErrUnknown, err)
		}
	}
	q.commits = nil
	w.queue.restore(*q)
	w.tried = max(w.tried, q.upTo)
	w.fault(err)
	w.announce()
}

// fault notes that writing failed; mu is held.
func (w *writer) fault(err error) {
	w.owe()
	now := w.clock().Wall
	if w.gap.since.IsZero() {
		w.gap.since = now
	}
	w.gap.until = time.Time{}
	w.gap.errors++
	if w.status.Failing == nil {
		w.status.FailingSince = now
		w.log.Error("ledger_failing", slog.String("error", err.Error()))
	}
	w.status.Errors++
	w.status.Failing = err
	w.pause = min(max(2*w.pause, retryFirst), retryMost)
	w.retry = time.Now().Add(w.pause)
}

// publish brings the status up to date; mu is held.
func (w *writer) publish() {
	w.status.Sequence, w.status.Head, w.status.Size = w.seq, string(w.head[:]), w.size
}

// announce tells those who wait that an attempt is over; mu is held.
func (w *writer) announce() {
	w.rest()
	w.broadcast()
}

func (w *writer) logHead() {
	w.log.Info("ledger_head", slog.String("guard", w.cfg.Guard), slog.Uint64("seq", w.seq), slog.String("hash", string(w.head[:])))
}
