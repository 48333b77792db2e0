package ledger

import "time"

// EventExported is the event of a guard that was asked for its evidence: what it had
// counted until then stands beside it. It goes with [Ledger.Account].
const EventExported = "evidence_exported"

// reach is how far the counts of an export reach. A guard writes what it has counted
// every 5 minutes, when it is asked for evidence, and when it stops.
type reach struct {
	last time.Time // of the last line
	why  string    // the event for which all that was counted until then is in; empty: it may not be
}

// note takes a line. The counts themselves follow the line that says why they were
// written, or precede it.
func (r *reach) note(event string, life time.Time) {
	r.last = life
	switch event {
	case eventStopped, EventExported:
		r.why = event
	case eventUsage:
	default:
		r.why = ""
	}
}

// until tells whether all is in that was counted until to, the end of the export.
func (r *reach) until(to time.Time) bool {
	return r.stopped() || r.why == EventExported && !to.After(r.last)
}

// stopped tells whether the last line is that of a guard that stops: it writes nothing
// more, though it goes on answering while it drains.
func (r *reach) stopped() bool { return r.why == eventStopped }
