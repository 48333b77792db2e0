package main

import "testing"

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
