package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// logRoom is how many bytes of log lines wait for standard error, and as many
	// again may be on their way to it: some four thousand refusals, which bridges a
	// reader that is restarted and is little beside the heap.
	logRoom = 1 << 20
	// logFlushWithin bounds how long the end waits for standard error. Whoever
	// reads needs milliseconds, and whoever does not read must not hold up the end.
	logFlushWithin = time.Second
)

// logQueue stands between the log and a writer that may stall, so that nobody who
// logs waits for it or hears of its faults. What comes while there is no room is
// left out and counted.
type logQueue struct {
	out    io.Writer
	room   int                     // bytes
	report func(lines int64) error // writes to out that so many lines were left out
	done   chan struct{}           // closed when run returns

	mu     sync.Mutex
	wake   sync.Cond // by mu: there are lines, or the end
	lines  []byte    // by mu
	lost   int64     // by mu: lines that came after these, and had no room
	closed bool      // by mu
}

func newLogQueue(out io.Writer, room int, report func(lines int64) error) *logQueue {
	q := &logQueue{out: out, room: room, report: report, done: make(chan struct{})}
	q.wake.L = &q.mu
	return q
}

// Write takes one line. It never waits for the writer behind, and never fails.
func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	// After the first one all are left out, short ones too: the gap is where the
	// report stands.
	if q.lost > 0 || len(q.lines)+len(line) > q.room {
		q.lost++
	} else {
		q.lines = append(q.lines, line...)
	}
	q.wake.Signal()
	return len(line), nil
}

// run writes the lines until close, one at a time as the log would have done.
// Those that the writer refuses count as lost, too.
func (q *logQueue) run() {
	defer close(q.done)
	var lost int64
	for lines, more := q.take(nil); ; lines, more = q.take(lines) {
		for line := range bytes.Lines(lines) {
			if _, err := q.out.Write(line); err != nil {
				lost++
			}
		}
		if lost += more; lost > 0 && q.report(lost) == nil {
			lost = 0
		}
		if len(lines) == 0 && more == 0 {
			return
		}
	}
}

// take waits for lines, and leaves an empty buffer in their place. It returns
// nothing at the end alone.
func (q *logQueue) take(empty []byte) (lines []byte, lost int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.lines) == 0 && q.lost == 0 && !q.closed {
		q.wake.Wait()
	}
	lines, lost = q.lines, q.lost
	q.lines, q.lost = empty[:0], 0
	return lines, lost
}

// close has run write what waits and end, and waits for that, but no longer than
// within. A run that is stuck in the writer then ends with the process.
func (q *logQueue) close(within time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.wake.Signal()
	q.mu.Unlock()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-q.done:
	case <-timer.C:
	}
}
