package verify

import (
	"sync/atomic"
	"time"
)

// lateChecks is how many signatures of keys out of service are checked each
// second and issuer. Enough to tell whether somebody still holds the key; too
// few for a flood of such tokens to cost anything.
const lateChecks = 10

// limiter counts within whole seconds of lifecycle time.
type limiter struct {
	state atomic.Uint64 // the second, shifted by 8, and how many were taken in it
}

// take tells whether one more may be checked. A request that read the clock just
// before the second began counts in that second.
func (l *limiter) take(now time.Time) bool {
	second := uint64(max(now.Unix(), 0)) << 8
	for {
		old := l.state.Load()
		next := max(old, second) + 1
		if next&0xff > lateChecks {
			return false
		}
		if l.state.CompareAndSwap(old, next) {
			return true
		}
	}
}
