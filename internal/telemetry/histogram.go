package telemetry

import (
	"math"
	"sync/atomic"
)

// mostBuckets is how many a histogram has room for, that without an upper bound
// included.
const mostBuckets = 17

// histogram counts values by size. Each check moves two of them; with the SDK's own,
// what is observed of a check takes four times as long.
type histogram struct {
	sum     total
	buckets [mostBuckets]atomic.Uint64
}

// observe takes one value. It is below or at its bucket's bound.
func (h *histogram) observe(bounds []float64, v float64) (bucket int) {
	for bucket < len(bounds) && v > bounds[bucket] {
		bucket++
	}
	h.buckets[bucket].Add(1)
	h.sum.add(v)
	return bucket
}

// total adds floating-point numbers.
type total struct{ bits atomic.Uint64 }

func (t *total) add(v float64) {
	for {
		old := t.bits.Load()
		if t.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

func (t *total) load() float64 { return math.Float64frombits(t.bits.Load()) }

// reading is what a histogram had counted at a moment.
type reading struct {
	sum     float64
	buckets [mostBuckets]uint64
}

// read adds what h has counted.
func (r *reading) read(h *histogram) {
	r.sum += h.sum.load()
	for i := range h.buckets {
		r.buckets[i] += h.buckets[i].Load()
	}
}

// since is what was counted after an earlier reading.
func (r reading) since(before reading) reading {
	r.sum -= before.sum
	for i := range r.buckets {
		r.buckets[i] -= before.buckets[i]
	}
	return r
}

func (r reading) count() (n uint64) {
	for _, c := range r.buckets {
		n += c
	}
	return n
}
