package ledger

import (
	"fmt"
	"time"
)

// hungAfter is when a write that does not come back counts as a failure of the
// disk. A healthy one takes milliseconds.
const hungAfter = 5 * time.Second

// Status is how the ledger is doing.
type Status struct {
	Sequence     uint64 // of the last durable line
	Head         string // its hash
	Size         int64  // of the file, in bytes
	Errors       uint64 // attempts to write or rotate that failed
	Failing      error  // of the last attempt; nil while all is well
	FailingSince time.Time
	Queued       int // lines, sets and commits that wait
}

// Status tells how the ledger is doing now. It never waits for the disk.
func (l *Ledger) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.status
	s.Queued = len(l.queue.items) + len(l.queue.sets) + len(l.queue.commits)
	if s.Failing == nil && l.trying && time.Since(l.busy) > hungAfter {
		s.Failing, s.FailingSince = fmt.Errorf("the disk has not answered for %s", time.Since(l.busy).Round(time.Second)), l.busy
	}
	return s
}
