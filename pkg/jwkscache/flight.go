package jwkscache

import (
	"sync"
	"sync/atomic"
	"time"
)

// flights coalesces the requests for a fetch because of unknown kids, and grants
// one in each cooldown. Under a flood of unknown kids nearly all calls end at two
// atomic loads.
type flights struct {
	began   time.Time // makes monotonic time a number
	pending atomic.Pointer[flight]
	quiet   atomic.Int64 // end of the cooldown, in nanoseconds since began
	mu      sync.Mutex   // to begin a flight
}

// flight is one granted fetch.
type flight struct {
	done chan struct{}
	ok   bool // the fetch gave an observation; to be read after done
}

// join gives the flight under way, or begins one; nil during the cooldown. A
// failed fetch is followed by the same cooldown as one that worked.
func (f *flights) join(cooldown time.Duration, begin func()) *flight {
	if p := f.pending.Load(); p != nil {
		return p
	}
	now := int64(time.Since(f.began))
	if now < f.quiet.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.pending.Load(); p != nil {
		return p
	}
	if now < f.quiet.Load() {
		return nil
	}
	p := &flight{done: make(chan struct{})}
	f.quiet.Store(now + int64(cooldown))
	f.pending.Store(p)
	begin()
	return p
}

// land ends the flight under way, if there is one.
func (f *flights) land(ok bool) {
	if p := f.pending.Swap(nil); p != nil {
		p.ok = ok
		close(p.done)
	}
}
