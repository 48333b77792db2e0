package soak

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

const (
	// samplesEach is how many samples are taken; a few are missing if the machine
	// has much else to do.
	samplesEach, samplesLeast = 40, 20
	// heapSlack is what the level of the live heap may differ by of itself; most of
	// that is scrapes under way.
	heapSlack = 1 << 20
	// residentSlack is as much garbage as the guard of a small heap lets lie before
	// it collects it (heapFloor in cmd/jwtguard): how much of it there is at the
	// moment of a sample is chance. A leak shows in the live heap first; this is for
	// what lies outside it.
	residentSlack = 48 << 20
	// recordCost is what a key out of service leaves behind for ever, in bytes of
	// live heap: the record, the tombstone, and its rows at each scrape. Measured
	// over 200 of them: 6 to 7 KiB.
	recordCost = 8 << 10
	// cacheSlack is what the token cache may hold beyond its bound for a moment: 128
	// entries for each processor, of less than half a KiB.
	cacheSlack = 128 << 9
)

// watch takes samples until the time is over and all has happened that must.
func (w *world) watch(ctx context.Context) (all []sample) {
	began := time.Now()
	fmt.Fprintf(w.Output(), "%9s %11s %9s %10s %10s %11s %8s %8s\n", "time", "checks", "checks/s", "resident", "heap", "goroutines", "records", "cached")
	full := false
	for last := (sample{}); pause(ctx, w.duration/samplesEach); {
		s, ok := w.sample(began)
		if !ok {
			break
		}
		fmt.Fprintf(w.Output(), "%9s %11d %9.0f %6.1f MiB %6.2f MiB %11d %8d %8d\n", s.after.Round(100*time.Millisecond), s.checks,
			float64(s.checks-last.checks)/(s.after-last.after).Seconds(), mebi(s.resident), mebi(s.heap), s.goroutines, s.records, s.entries)
		all, last = append(all, s), s
		full = full || s.cached >= w.cache*9/10
		if s.after >= w.duration && len(all) >= samplesLeast && full && len(w.crowd.missing()) == 0 {
			break
		}
	}
	return all
}

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// flat holds what the guard had at the end against what it had after the warm-up.
func (w *world) flat(all []sample) {
	w.Helper()
	from := len(all) / 4
	after, end := level(all[from:2*from]), level(all[len(all)-from:])
	left := (end.records - after.records) * recordCost
	for _, s := range all {
		if s.cached > w.cache+cacheSlack*int64(runtime.NumCPU()) {
			w.Errorf("token cache: %d bytes after %v, and may have %d", s.cached, s.after, w.cache)
		}
	}
	for _, m := range []struct {
		what              string
		after, end, slack int64
	}{
		{"live heap without the token cache", after.heap, end.heap, heapSlack},
		{"resident memory", after.resident, end.resident, residentSlack},
	} {
		w.Logf("%s: %.2f MiB after the warm-up, %.2f MiB at the end", m.what, mebi(m.after), mebi(m.end))
		if m.end > m.after+m.slack+left {
			w.Errorf("%s: grew by %.2f MiB, and may by %.2f MiB, and %.2f MiB for the keys of %d rotations",
				m.what, mebi(m.end-m.after), mebi(m.slack), mebi(left), end.records-after.records)
		}
	}
}

// level is the median of some samples, each value by itself.
func level(all []sample) sample {
	median := func(of func(sample) int64) int64 {
		var values []int64
		for _, s := range all {
			values = append(values, of(s))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return sample{
		resident: median(func(s sample) int64 { return s.resident }),
		heap:     median(func(s sample) int64 { return s.heap - s.cached }),
		records:  median(func(s sample) int64 { return s.records }),
	}
}
