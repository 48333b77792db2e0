package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestSmallHeapsAreCollectedLessOften(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		live uint64
		want int
	}{
		{0, 1600}, {1, 1600}, {2 * mib, 1600}, {4 * mib, 1200}, {5 * mib, 950}, {16 * mib, 300}, {31 * mib, 200}, {1 << 40, 200},
	} {
		got := gcPercent(tt.live)
		if got != tt.want {
			t.Errorf("a live heap of %d bytes: %d %%, want %d", tt.live, got, tt.want)
		}
		if grown := tt.live * uint64(got) / 100; tt.live <= heapFloor/2 && grown > heapFloor {
			t.Errorf("a live heap of %d bytes may grow by %d, more than the floor", tt.live, grown)
		}
	}
}

// What is alive at one collection does not decide how far the heap may grow after
// the next.
func TestTheHeapsGoalFollowsEachCollection(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go keepHeapFloor(ctx)
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/goal:bytes"}}
	const slack = 16 << 20 // a step of the percentage, stacks and globals
	for _, held := range []int{0, 12 << 20, 0} {
		alive := make([]byte, held)
		runtime.GC()
		within := time.Now().Add(10 * time.Second)
		for {
			metrics.Read(samples)
			live, goal := samples[0].Value.Uint64(), samples[1].Value.Uint64()
			if live >= uint64(held) && goal >= live+heapFloor/4 && goal <= live+heapFloor+slack {
				break
			}
			if time.Now().After(within) {
				t.Fatalf("%d bytes held: a live heap of %d may grow to %d", held, live, goal)
			}
			runtime.Gosched()
		}
		runtime.KeepAlive(alive)
	}
}
