package admin

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

const (
	// feedEvery is how often usage and refusals are told.
	feedEvery = time.Second
	// keptLife is how many life records are kept for who comes later: a rotation of
	// a hundred keys, each of which is withdrawn, confirmed and retired.
	keptLife = 300
)

// Feed passes on what happens to those who read /api/v1/events. What it is told
// waits for nobody.
type Feed struct {
	guard    Guard
	refusals func() map[verify.Reason]uint64
	run      string        // tells the records of this run from those of others
	wake     chan struct{} // holds one: there is something new

	mu      sync.Mutex
	recent  []Life    // by mu: the newest life records
	number  uint64    // by mu: of the newest one, from 1 on
	joining []*stream // by mu
	ended   bool      // by mu

	// By Run alone.
	streams []*stream
	told    uint64 // number of the life record that was told last
	last    reading
}

// NewFeed makes a Feed that shows the keys of a guard, and the sums of refused
// requests by reason. It asks neither before [Feed.Run]. past is what happened to
// keys before the start, the oldest first, each as an object with the members of
// [Life]: lines of the ledger. What cannot be read of it is left out.
func NewFeed(guard Guard, refusals func() map[verify.Reason]uint64, past [][]byte) *Feed {
	f := &Feed{guard: guard, refusals: refusals, run: strconv.FormatInt(time.Now().UnixMilli(), 36), wake: make(chan struct{}, 1)}
	for _, text := range past[max(0, len(past)-keptLife):] {
		var l Life
		if json.Unmarshal(text, &l) == nil {
			f.recent = append(f.recent, l)
		}
	}
	f.number = uint64(len(f.recent))
	f.told = f.number
	return f
}

// Life passes on what happened to the keys of an issuer.
func (f *Feed) Life(c keyset.Change) {
	if len(c.Events) == 0 {
		return
	}
	f.mu.Lock()
	for _, e := range c.Events {
		f.recent = append(f.recent, newLife(c, e))
	}
	f.number += uint64(len(c.Events))
	if n := len(f.recent) - keptLife; n > 0 {
		f.recent = append([]Life(nil), f.recent[n:]...)
	}
	f.mu.Unlock()
	f.poke()
}

func (f *Feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run tells the readers what is new, until ctx ends; then all streams end.
func (f *Feed) Run(ctx context.Context) error {
	ticker := time.NewTicker(feedEvery)
	defer ticker.Stop()
	defer f.end()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.wake:
			f.tellLife()
			f.welcome()
		case <-ticker.C:
			f.tellState()
		}
	}
}

// tellLife tells what happened to keys since it was told last.
func (f *Feed) tellLife() {
	f.mu.Lock()
	before := f.told
	f.told = f.number
	b := f.lifeAfter(before)
	f.mu.Unlock()
	f.tell(b)
}

// lifeAfter are the events of the life records after the given one and up to the
// one that was told last, as far as they are kept; mu is held.
func (f *Feed) lifeAfter(number uint64) []byte {
	var b events
	first := f.number - uint64(len(f.recent)) // of the record before the first one that is kept
	for i := range f.recent {
		if n := first + uint64(i) + 1; n > number && n <= f.told {
			b.add("life", f.run+"-"+strconv.FormatUint(n, 10), &f.recent[i])
		}
	}
	return b.text
}

// tellState tells what has changed in the state of all keys.
func (f *Feed) tellState() {
	if len(f.streams) == 0 {
		f.last = reading{}
		return
	}
	now := f.read()
	b := now.since(&f.last)
	f.last = now
	f.tell(b)
}

// end ends all streams, and those that would begin later.
func (f *Feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for _, s := range append(f.streams, f.joining...) {
		close(s.chunks)
	}
	f.streams, f.joining = nil, nil
}
