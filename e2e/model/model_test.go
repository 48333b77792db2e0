package model

import (
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// schedules is how many TestModel plays.
const schedules = 10_000

// TestModel plays random schedules against guard and model side by side. The first
// schedules are the same in each run; the guard spreads its fetches at random all
// the same, so that no two runs are equal.
//
// MODEL_DURATION (1h) plays fresh schedules for that long, MODEL_SEED one of them
// a hundred times.
func TestModel(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // bubbles make much garbage, and hold little
	var next atomic.Uint64
	more := func(seed uint64) bool { return seed < count() }
	if s := os.Getenv("MODEL_DURATION"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("MODEL_DURATION: %v", err)
		}
		end := time.Now().Add(d)
		next.Store(rand.Uint64N(1 << 62))
		more = func(uint64) bool { return time.Now().Before(end) }
	}
	if s := os.Getenv("MODEL_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("MODEL_SEED: %v", err)
		}
		for range 100 {
			if check(t, seed); t.Failed() {
				return // it has told
			}
		}
		return
	}
	var played atomic.Uint64
	idle := newIdle()
	t.Run("schedules", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1) - 1; more(seed) && !t.Failed(); seed = next.Add(1) - 1 {
					idle.strike(check(t, seed))
					played.Add(1)
				}
			})
		}
	})
	t.Logf("%d schedules", played.Load())
	if played.Load() >= schedules && !t.Failed() && len(idle.left) > 0 {
		t.Errorf("no schedule has %q", idle.left)
	}
}

// count is how many schedules a run plays: with the race detector, each takes many
// times as long.
func count() uint64 {
	if testing.Short() || racing {
		return schedules / 50
	}
	return schedules
}

// check plays one schedule and gives its story. Of one that fails it tells the
// shortest story that fails too.
func check(t *testing.T, seed uint64) string {
	steps := schedule(seed)
	story, err := playIn(t, steps, faultsOf{})
	if err == nil {
		return strings.Join(story, "\n")
	}
	short := shrink(t, steps, faultsOf{})
	for range 10 * attempts {
		if s, e := playIn(t, short, faultsOf{}); e != nil {
			story, err, steps = s, e, short
			break
		}
	}
	t.Errorf("%s\n%v\n\nseed %d, shrunk to (see TestStories):\n%s", strings.Join(story, "\n"), err, seed, literal(steps))
	return ""
}

// idle is what has not happened in any schedule yet: schedules that never meet it
// would prove nothing.
type idle struct {
	mu   sync.Mutex
	left []string // parts of stories
}

func newIdle() *idle {
	return &idle{left: []string{
		": ok", ": key_retired", ": key_revoked", ": key_pending", ": kid_unknown", ": keys_stale", ": keys_unavailable",
		": signature_invalid", ": alg_mismatch", ": issued_after_withdrawal", ": token_expired", ": issued_in_future",
		"guard stops", "is killed", "died at a file operation", "in force, not durable", "refused: it could not be written",
		"a fetch failed", " old", "wall clock steps", "reinstate", "with its private part", "for encryption",
	}}
}

// strike takes out what happened in a story.
func (i *idle) strike(story string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.left = slices.DeleteFunc(i.left, func(part string) bool { return strings.Contains(story, part) })
}

// TestStories plays schedules that failed once. What TestModel prints belongs
// here.
func TestStories(t *testing.T) {
	for name, steps := range stories {
		t.Run(name, func(t *testing.T) {
			for range attempts {
				if story, err := playIn(t, steps, faultsOf{}); err != nil {
					t.Fatalf("%s\n%v", strings.Join(story, "\n"), err)
				}
			}
		})
	}
}
