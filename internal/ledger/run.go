package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Run writes what is recorded and committed, until ctx ends; now reads the clocks.
// If nobody has released the ledger by then, Run does, in five seconds at most. A
// write that never comes back ends with the process.
func (l *Ledger) Run(ctx context.Context, now func() keyset.Instant) error {
	l.mu.Lock()
	switch {
	case !l.started:
		l.started, l.clock = true, now
		go l.w.run()
	case !isClosed(l.closing):
		l.mu.Unlock()
		return errors.New("ledger: Run was called twice")
	}
	l.mu.Unlock()
	<-ctx.Done()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	return l.Release(flush)
}

// Release writes what waits, usage and observations included, closes the file and
// gives the lock back. It may be called again, and without Run. What comes later
// is answered by [ErrReleased].
func (l *Ledger) Release(ctx context.Context) error {
	l.mu.Lock()
	if !isClosed(l.closing) {
		close(l.closing)
	}
	if !l.started {
		l.started = true
		go l.w.run()
	}
	l.mu.Unlock()
	select {
	case <-l.ended:
		return l.result
	case <-ctx.Done():
	}
	if isClosed(l.ended) {
		return l.result
	}
	return fmt.Errorf("ledger: not released: the disk does not answer: %w", ctx.Err())
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
