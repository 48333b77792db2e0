package harness

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A Load sends requests at a steady rate, whether or not earlier ones have been
// answered, as independent clients do.
type Load struct {
	stop chan struct{}
	wg   sync.WaitGroup

	mu       sync.Mutex
	sent     int
	slowest  time.Duration
	failures []string
}

// maxFailures bounds what a failing load remembers: enough to see why.
const maxFailures = 20

// StartLoad calls send so many times a second until Stop; an error of send is a
// failed request.
func StartLoad(ctx context.Context, perSecond int, send func(context.Context) error) *Load {
	l := &Load{stop: make(chan struct{})}
	l.wg.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		began := time.Now()
		for {
			select {
			case <-tick.C:
				l.wg.Go(func() { l.one(ctx, began, send) })
			case <-l.stop:
				return
			}
		}
	})
	return l
}

func (l *Load) one(ctx context.Context, began time.Time, send func(context.Context) error) {
	start := time.Now()
	err := send(ctx)
	took := time.Since(start)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	l.slowest = max(l.slowest, took)
	if err != nil && len(l.failures) < maxFailures {
		at := start.Sub(began).Round(time.Millisecond)
		l.failures = append(l.failures, fmt.Sprintf("at %v, after %v: %v", at, took.Round(time.Millisecond), err))
	}
}

// Stop sends no more, waits for all answers, and says how many were sent, how
// long the slowest took, and which failed (the first 20).
func (l *Load) Stop() (sent int, slowest time.Duration, failures []string) {
	close(l.stop)
	l.wg.Wait()
	return l.sent, l.slowest, l.failures
}
