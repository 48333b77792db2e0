package load

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// roomTick is how soon a writer looks again whether the peer takes more.
	roomTick = 20 * time.Microsecond
	// longestSleep is how soon a writer notices that it is to end.
	longestSleep = 10 * time.Millisecond
)

// Pace sends so many requests a second, evenly, whether they are answered or not,
// for a time. What is counted begins when a request was due: one that had to wait
// because others were not answered is as late as it is for whoever sent it.
func (c *Client) Pace(ctx context.Context, length time.Duration, perSecond float64) (Result, error) {
	if perSecond*length.Seconds() < 1 {
		return Result{}, fmt.Errorf("%.2f requests a second for %s are none", perSecond, length)
	}
	n, every := int(perSecond*length.Seconds()), time.Duration(float64(time.Second)/perSecond)
	w := &writer{start: time.Now(), every: every, requests: n, conns: c.conns}
	written := make(chan error, 1)
	go func() { written <- w.run() }()
	latencies := make([][]time.Duration, len(c.conns))
	err := c.all(ctx, length, func(i int, one *conn) (err error) {
		share := n / len(c.conns)
		if i < n%len(c.conns) {
			share++
		}
		if latencies[i], err = one.takeAll(w.start, share); err != nil {
			w.end()
		}
		return err
	})
	// Where both broke, the reader knows what the peer said.
	if failed := <-written; err == nil {
		err = failed
	}
	r := Result{Answered: n, Took: time.Since(w.start), Latencies: slices.Concat(latencies...), Delays: w.delays}
	slices.Sort(r.Latencies)
	slices.Sort(r.Delays)
	return r, err
}

// writer sends requests when they are due, over all connections in turn. It is one
// for all, since it has a thread of its own.
type writer struct {
	start    time.Time
	every    time.Duration
	requests int
	conns    []*conn
	delays   []time.Duration
	ended    atomic.Bool
}

// end has everybody who reads or writes stop.
func (w *writer) end() {
	w.ended.Store(true)
	for _, c := range w.conns {
		c.SetDeadline(time.Now())
	}
}

func (w *writer) run() error {
	ownThread()
	w.delays = make([]time.Duration, 0, w.requests)
	for i := 0; i < w.requests && !w.ended.Load(); {
		now, due, c := time.Since(w.start), time.Duration(i)*w.every, w.conns[i%len(w.conns)]
		wait := due - now
		if wait <= 0 && !c.room() {
			wait = roomTick
		}
		if wait > 0 {
			if err := w.hand(); err != nil {
				return err
			}
			sleep(min(wait, longestSleep))
			continue
		}
		if err := c.add(due, false); err != nil {
			w.end()
			return err
		}
		w.delays = append(w.delays, now-due)
		i++
	}
	return w.hand()
}

// hand sends what has been written.
func (w *writer) hand() error {
	for _, c := range w.conns {
		if len(c.out) == 0 {
			continue
		}
		if err := c.flush(); err != nil {
			w.end()
			return err
		}
	}
	return nil
}

// takeAll takes so many answers, and tells when each came after it was due.
func (c *conn) takeAll(start time.Time, n int) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, n)
	var now time.Duration
	note := func(stream uint32) {
		if now == 0 {
			now = time.Since(start) // of all that came at once
		}
		latencies = append(latencies, now-time.Duration(c.due[slot(stream)].Load()))
	}
	for len(latencies) < n {
		now = 0
		if _, err := c.take(note); err != nil {
			return latencies, err
		}
	}
	return latencies, nil
}

// ownThread makes this goroutine's thread one that sleeps and wakes in time: the
// kernel lets a thread sleep 50 µs longer than it asked to, Go's timers end by the
// millisecond while nothing else goes on, and a server that is busy on all
// processors would otherwise delay what is sent to it. The thread ends with the
// goroutine.
func ownThread() {
	const (
		setTimerSlack = 29  // prctl(2)
		ahead         = -10 // of the servers, by setpriority(2)
	)
	runtime.LockOSThread()
	// Where it is not permitted, Delays tells what that costs.
	syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, ahead)
}

// sleep is on the thread of the caller, and short.
func sleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // cut short: the caller looks at the clock again
}
