package soak

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A sample is what the guard holds at one moment in which nobody asks it.
type sample struct {
	after      time.Duration
	checks     int64
	resident   int64 // bytes; 0 where the system does not tell
	heap       int64 // bytes that are alive
	goroutines int
	records    int64 // of keys
	entries    int64 // of the token cache
	cached     int64 // its bytes, as it counts them
}

// sample looks at the guard.
func (w *world) sample(began time.Time) (s sample, ok bool) {
	w.crowd.quiet.Lock()
	defer w.crowd.quiet.Unlock()
	s.after, s.checks = time.Since(began), w.crowd.checks.Load()
	if runtime.GOOS == "linux" {
		s.resident = w.resident()
	}
	var heap string
	for range 2 { // what is pooled for use again lives through one collection
		if heap, ok = w.get(w.profiles + "/debug/pprof/heap?gc=1&debug=1"); !ok {
			return s, false
		}
	}
	s.heap = w.number(heap, "# HeapAlloc = ")
	s.goroutines, _ = w.goroutines()
	text, ok := w.get(w.guard.Metrics + "/metrics")
	if !ok {
		return s, false
	}
	s.records = sum(text, "jwtguard_key_info")
	s.entries, s.cached = sum(text, "jwtguard_token_cache_entries"), sum(text, "jwtguard_token_cache_bytes")
	return s, true
}

// resident is the resident memory of the guard.
func (w *world) resident() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.guard.PID()))
	if err != nil {
		w.fail("%v", err)
		return 0
	}
	return w.number(string(text), "VmRSS:") << 10
}

// goroutines is how many there are, and which.
func (w *world) goroutines() (n int, which string) {
	which, _ = w.get(w.profiles + "/debug/pprof/goroutine?debug=1")
	return int(w.number(which, "goroutine profile: total ")), which
}

// number is the one that follows some words.
func (w *world) number(text, words string) int64 {
	_, rest, _ := strings.Cut(text, words)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		w.fail("%q stands nowhere in %.200q", words, text)
		return 0
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		w.fail("%s%v", words, err)
	}
	return n
}

// looks are how often the goroutines are counted: those of a fetch or of a
// connection come and go.
const looks = 10

// idleGoroutines is how many there are without any traffic.
func (w *world) idleGoroutines() int {
	var all []int
	for range looks {
		n, _ := w.goroutines()
		all = append(all, n)
		pause(w.Context(), interval/looks)
	}
	return slices.Min(all)
}

// awaitGoroutines waits until there are no more than before the traffic. What is
// longest on its way out is a connection that the guard waits for.
func (w *world) awaitGoroutines(before int) {
	const within = 30 * time.Second
	for end := time.Now().Add(within); ; pause(w.Context(), interval/looks) {
		n, which := w.goroutines()
		if n <= before {
			w.Logf("goroutines: %d before the traffic, and %d after it", before, n)
			return
		}
		if time.Now().After(end) {
			w.Errorf("%v after the traffic there are %d goroutines, and were %d before it:\n%s", within, n, before, which)
			return
		}
	}
}
