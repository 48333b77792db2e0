package jwkscache

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// mostOften is the least time between two fetches of one issuer, from all
	// causes together; an interval that is shorter takes its place.
	mostOften = 10 * time.Second
	// leastMaxAge is how short an interval the origin's max-age may ask for.
	leastMaxAge = 30 * time.Second
	// startWithin spreads the first fetches of guards that start together.
	startWithin = 500 * time.Millisecond
	// fileTick is how often a file is looked at, and read at most, so that a
	// change counts within a second.
	fileTick = 500 * time.Millisecond
)

// schedule says when to fetch next, and why. Times are readings of time.Now, and
// so compared on the monotonic clock.
type schedule struct {
	interval time.Duration
	often    time.Duration // what gap is, unless the interval is shorter
	gap      time.Duration // least time between two fetches
	started  time.Time     // the last fetch; zero: none yet
	searched time.Time     // the last one for an unknown kid; zero: none yet
	regular  time.Time     // when the next one is due anyway
	patience time.Time     // no attempt before, but for an operator's: the server failed
	asked    time.Time     // no attempt before: the server asked for it
	failures int           // in a row
	wanted   map[Cause]time.Time
}

// newSchedule has the first fetch due at once, but for a jitter where there is a
// network behind it.
func newSchedule(p keyset.Params, remote bool, now time.Time) *schedule {
	s := &schedule{often: fileTick, regular: now, wanted: map[Cause]time.Time{}}
	if remote {
		s.often = mostOften
		s.regular = now.Add(rand.N(startWithin))
	}
	s.pace(p.Interval, now)
	return s
}

// pace sets the interval. Whatever is planned for later than that comes nearer.
func (s *schedule) pace(interval time.Duration, now time.Time) {
	if interval == s.interval {
		return
	}
	s.interval, s.gap = interval, min(s.often, interval)
	if next := now.Add(jitter(interval)); next.Before(s.regular) {
		s.regular = next
	}
	for _, t := range []*time.Time{&s.patience, &s.asked} {
		if next := now.Add(interval); next.Before(*t) {
			*t = next
		}
	}
}

// want asks for a fetch at a time. Wanting it twice is wanting it at the earlier
// one.
func (s *schedule) want(c Cause, at time.Time) {
	if old, ok := s.wanted[c]; !ok || at.Before(old) {
		s.wanted[c] = at
	}
}

// search asks for a fetch because of an unknown kid, once in each cooldown. The
// cooldown counts from the last such fetch, whenever that was granted: a back-off
// may have held it up.
func (s *schedule) search(now time.Time, cooldown time.Duration) {
	if next := s.searched.Add(cooldown); now.Before(next) {
		now = next
	}
	s.want(CauseUnknownKid, now)
}

// due is when to fetch next, and for which cause. Whoever orders a fetch may have
// mended what failed, and does not wait for the back-off.
func (s *schedule) due() (time.Time, Cause) {
	at, cause := s.regular, CauseSchedule
	for _, c := range []Cause{CauseConfirm, CauseUnknownKid, CauseClock, CauseFile, CauseConfig} {
		if t, ok := s.wanted[c]; ok && t.Before(at) {
			at, cause = t, c
		}
	}
	at = later(at, s.patience)
	if t, ok := s.wanted[CauseOperator]; ok {
		if t = later(t, s.asked); t.Before(at) {
			at, cause = t, CauseOperator
		}
	}
	return later(at, s.started.Add(s.gap)), cause
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// why says what puts a fetch off that an operator wants now.
func (s *schedule) why() string {
	if s.asked.After(s.started.Add(s.gap)) {
		return "the last fetch did not work, and its answer asked for no other one before (Retry-After)"
	}
	return fmt.Sprintf("an issuer's keys are fetched once in %s at most, whoever asks", s.gap)
}

// begin notes that a fetch starts. It serves every cause that is due. If anything
// but the interval is, the answer must come past all HTTP caches.
func (s *schedule) begin(now time.Time) (fresh bool) {
	s.started = now
	for c, at := range s.wanted {
		if at.After(now) {
			continue
		}
		delete(s.wanted, c)
		fresh = true
		if c == CauseUnknownKid {
			s.searched = now
		}
	}
	return fresh
}

// succeeded plans the next fetch after one that worked. What the origin says of
// freshness may shorten the interval, never lengthen it.
func (s *schedule) succeeded(now time.Time, a answer) {
	s.failures, s.patience, s.asked = 0, time.Time{}, time.Time{}
	wait := s.interval
	if a.HasMaxAge {
		wait = min(wait, max(a.MaxAge-a.Age, leastMaxAge))
	}
	s.regular = now.Add(jitter(wait))
}

// failed plans the next attempt after one that did not work: twice as late each
// time, as late as the server asks for, and never later than the interval. An operator
// alone may bring it forward, to what the server asks for.
func (s *schedule) failed(now time.Time, retryAfter time.Duration) {
	wait := max(s.gap, time.Second)
	for range min(s.failures, 32) {
		wait = min(2*wait, s.interval)
	}
	s.failures++
	asked := min(retryAfter+rand.N(retryAfter/10+1), s.interval) // only ever lengthened
	s.regular = now.Add(max(min(jitter(wait), s.interval), asked, s.gap))
	s.patience, s.asked = s.regular, now.Add(asked)
}

// jitter lengthens or shortens a duration by up to a tenth, so that guards do not
// ask in step.
func jitter(d time.Duration) time.Duration {
	tenth := d / 10
	if tenth <= 0 {
		return d
	}
	return d - tenth + rand.N(2*tenth)
}
