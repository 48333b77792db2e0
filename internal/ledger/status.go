package ledger

import "time"

// Status is how the ledger is doing.
type Status struct {
	Sequence     uint64 // of the last durable line
	Head         string // its hash
	Size         int64  // of the file, in bytes
	Errors       uint64 // attempts to write or rotate that failed, and each 5 s without an answer of the disk
	Failing      error  // of the last attempt, or that it does not come back; nil while all is well
	FailingSince time.Time
	Queued       int // lines, sets and commits that wait
}

// Status tells how the ledger is doing now. It never waits for the disk.
func (l *Ledger) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.status
	s.Queued = len(l.queue.items) + len(l.queue.sets) + len(l.queue.commits)
	return s
}
