package ledger

import (
	"fmt"
	"log/slog"
	"time"
)

// hungAfter is when a write that does not come back counts as a failure of the
// disk, and how often it is counted again while it goes on: as often as a disk
// that gives errors is tried again. A healthy write takes milliseconds.
const hungAfter = 5 * time.Second

// outage is a time in which nothing could be written.
type outage struct {
	since, until time.Time // by the wall clock; until is zero while it lasts
	errors       uint64    // attempts that failed, and times that one was found without an answer
}

// lasts tells whether nothing can be written now.
func (o outage) lasts() bool { return !o.since.IsZero() && o.until.IsZero() }

// try notes that an attempt is under way, and has it watched: a disk that hangs
// gives no error, and the goroutine that waits for it can tell nobody. mu is held.
func (w *writer) try() {
	w.owe()
	if w.watch != nil {
		w.watch.Stop()
	}
	w.trying, w.busy = true, time.Now()
	w.watch = time.AfterFunc(hungAfter, w.unanswered)
}

// rest notes that no attempt is under way any more; mu is held.
func (w *writer) rest() {
	w.trying = false
	w.watch.Stop()
}

// unanswered tells of an attempt that does not come back, and goes on watching it.
func (l *Ledger) unanswered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	silence := time.Since(l.busy)
	if !l.trying || silence < hungAfter {
		return // it has come back, and perhaps another one has begun
	}
	err := fmt.Errorf("the disk has not answered for %s", silence.Round(time.Second))
	if l.status.Failing == nil {
		l.status.FailingSince = l.clock().Wall.Add(-silence)
		l.log.Error("ledger_failing", slog.String("error", err.Error()))
	}
	l.status.Failing = err
	l.status.Errors++
	l.overdue++
	l.watch.Reset(hungAfter)
	l.broadcast()
}

// owe adds a silence of the disk that is over to what the next batch tells: the
// lines of the one that was waited for were made before. mu is held.
func (w *writer) owe() {
	if w.overdue == 0 {
		return
	}
	now := w.clock().Wall
	if w.gap.since.IsZero() {
		w.gap.since = now.Add(-time.Since(w.busy))
	}
	w.gap.until = now
	w.gap.errors += w.overdue
	w.overdue = 0
}

// recovered notes that the disk works, if it did not; mu is held.
func (w *writer) recovered(leftOut uint64) {
	if w.status.Failing == nil {
		return
	}
	w.log.Info("ledger_recovered", slog.Time("since", w.status.FailingSince),
		slog.Uint64("errors", w.gap.errors+w.overdue), slog.Uint64("events_left_out", leftOut+w.queue.leftOut))
	w.status.Failing, w.status.FailingSince = nil, time.Time{}
}
