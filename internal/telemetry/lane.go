package telemetry

import (
	"sync"
	"sync/atomic"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// lanes is how many copies there are of what every check counts. Processors that
// count in one place have to pass it to and fro; more of them than lanes share some.
const lanes = 16

// lane is one of the copies.
type lane struct {
	cacheUses [verify.CacheHit + 1]atomic.Uint64
	durations verdicts[histogram]
	_         [64]byte // the next one begins on a cache line of its own
}

// street hands out lanes, to each processor the one that it had last, nearly always.
type street struct {
	all  [lanes]lane
	next atomic.Uint32
	idle sync.Pool
}

func (s *street) enter() *lane {
	if l, ok := s.idle.Get().(*lane); ok {
		return l
	}
	return &s.all[s.next.Add(1)%lanes]
}

func (s *street) leave(l *lane) { s.idle.Put(l) }

// cacheUse is how often checks had a use of the token cache.
func (s *street) cacheUse(use verify.CacheUse) (n uint64) {
	for i := range s.all {
		n += s.all[i].cacheUses[use].Load()
	}
	return n
}

// durations are those of the checks that ended with a verdict.
func (s *street) durations(v verify.Verdict) (r reading) {
	for i := range s.all {
		r.read(s.all[i].durations.at(v))
	}
	return r
}
