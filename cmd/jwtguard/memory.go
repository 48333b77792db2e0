package main

import (
	"context"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// heapFloor is how much the heap may always grow before it is collected. A
	// guard with few keys holds about 4 MiB; at Go's default it would collect as
	// soon as it had allocated as much again, some ninety times a second under
	// load, for a quarter of its processor time.
	heapFloor = 48 << 20
	// gcLeast and gcMost bound the growth, in percent. Two thirds of a large heap
	// are garbage at the most; below 2 MiB there is nothing more to gain.
	gcLeast, gcMost = 200, 1600
	// startWithin is when what starting took is given back.
	startWithin = 5 * time.Second

	// memoryShare is how much of its container's memory the runtime may use before
	// it collects garbage all the time: the rest is for what it does not count, such
	// as the kernel's buffers of sockets. A guard that is killed for its memory
	// answers nothing; a busy collector only makes it slow.
	memoryShare = 0.9
	// memoryTick is how often the limit is read again: Kubernetes can change that of
	// a running container.
	memoryTick = time.Minute
)

// limitMemory has the runtime keep within the limit of the control group, if there
// is one. Whoever sets GOMEMLIMIT decides himself.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithRefreshInterval(context.Background(), memoryTick))
	switch {
	case err != nil:
		log.Debug("the memory limit of the container is not known; GOMEMLIMIT sets one", "error", err)
	case limit < math.MaxInt64:
		log.Info("memory limit", "bytes", limit)
	}
}

// keepHeapFloor collects garbage less often while the heap is small, until ctx
// ends. Whoever sets GOGC decides himself; GOMEMLIMIT holds in either case.
//
// The growth is a percentage of what was alive at the last collection. So it is set
// anew after each: one that falls into a scrape, which holds some MiB for a moment,
// would else let the heap grow to several times the floor.
func keepHeapFloor(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	collected := make(chan struct{}, 1)
	tellCollections(ctx, collected)
	started := time.After(startWithin)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for current := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-started:
			debug.FreeOSMemory()
		case <-collected:
			metrics.Read(live)
			if want := gcPercent(live[0].Value.Uint64()); want != current {
				debug.SetGCPercent(want)
				current = want
			}
		}
	}
}

// tellCollections sends after each garbage collection, unless the last one was not
// taken notice of yet, until ctx ends.
func tellCollections(ctx context.Context, collected chan<- struct{}) {
	// With a pointer, it is not allocated together with others, which would keep it.
	garbage := &struct{ _ *byte }{}
	runtime.AddCleanup(garbage, func(ctx context.Context) {
		if ctx.Err() != nil {
			return
		}
		tellCollections(ctx, collected)
		select {
		case collected <- struct{}{}:
		default:
		}
	}, ctx)
}

// gcPercent is the growth, in percent of a live heap of so many bytes, that
// reaches the floor; in steps, so that it does not change all the time.
func gcPercent(live uint64) int {
	const step = 50
	return int(max(gcLeast, min(gcMost, heapFloor*100/max(live, 1))/step*step))
}
