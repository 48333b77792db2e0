package main

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// What a connection may not do ends it, or what it did; grpc-go sees to that. In
// between, and afterwards, others get their answers.
func TestFloodsOfFramesAreEnded(t *testing.T) {
	never := func(http2.Frame) bool { return false }
	goAway := func(code http2.ErrCode) func(http2.Frame) bool {
		return func(f http2.Frame) bool { g, ok := f.(*http2.GoAwayFrame); return ok && g.ErrCode == code }
	}
	w := newWorld(t)
	g := w.startReady(w.usual())
	for name, c := range map[string]struct {
		does func(f *frames) error // over and over
		ends func(http2.Frame) bool
	}{
		"pings": {func(f *frames) error { return f.WritePing(false, [8]byte{}) }, goAway(http2.ErrCodeEnhanceYourCalm)},
		// CVE-2023-45288
		"headers that never end": {func(f *frames) error {
			if f.last == ^uint32(0) {
				f.last = 1
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block()})
			}
			return f.WriteContinuation(1, false, block("x-a", strings.Repeat("a", 4<<10)))
		}, never},
		"streams in the wrong order": {func(f *frames) error {
			f.last = 1
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(), EndHeaders: true})
		}, goAway(http2.ErrCodeProtocol)},
	} {
		t.Run(name, func(t *testing.T) {
			f := g.frames()
			ended := make(chan bool)
			go func() { ended <- f.until(c.ends) }()
			for i := 0; c.does(f) == nil; i++ {
				if i > 1e6 {
					t.Fatal("it goes on and on")
				}
			}
			if got := <-ended; !got && name != "headers that never end" {
				t.Error("the connection ended without a word")
			}
			g.envoy().gets(w.token(), "ok")
		})
	}
}

// CVE-2023-44487: thousands of calls that are taken back at once leave nothing
// behind, and keep nobody waiting.
func TestResetsLeaveNothingBehind(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	e := g.envoy()
	e.gets(w.token(), "ok")
	level := goroutines()
	headers, message := block(), body(t, request(w.tokenOf(w.key, nil)))
	f := g.frames()
	go f.until(func(http2.Frame) bool { return false })
	for range 20_000 {
		id, err := f.open(headers)
		w.must(err)
		w.must(f.WriteData(id, true, message))
		w.must(f.WriteRSTStream(id, http2.ErrCodeCancel))
	}
	e.gets(w.token(), "ok")
	f.Close()
	awaitGoroutines(t, level)
}

// Calls beyond the limit of a connection are refused, which Envoy takes for not
// begun and repeats elsewhere; what others hold is not touched.
func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	f := g.frames()
	headers := block()
	for range maxStreams {
		_, err := f.open(headers)
		w.must(err)
	}
	id, err := f.open(headers)
	w.must(err)
	if !f.until(func(frame http2.Frame) bool {
		r, ok := frame.(*http2.RSTStreamFrame)
		return ok && r.StreamID == id && r.ErrCode == http2.ErrCodeRefusedStream
	}) {
		t.Error("the connection ended")
	}
	g.envoy().gets(w.token(), "ok")
}

// Thousands of calls that nobody goes on with are not in the way of one that is
// whole, nor do their goroutines outlive their connections.
func TestStalledChecksKeepNobodyOut(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	e := g.envoy()
	e.gets(w.token(), "ok")
	level := goroutines()
	headers := block()
	var all []*frames
	for range 20 {
		f := g.frames()
		go f.until(func(http2.Frame) bool { return false })
		for range maxStreams {
			id, err := f.open(headers)
			w.must(err)
			w.must(f.WriteData(id, false, []byte{0, 0}))
		}
		all = append(all, f)
		e.gets(w.token(), "ok")
	}
	for _, f := range all {
		f.Close()
	}
	awaitGoroutines(t, level)
}

// goroutines is how many there are once those have ended that are about to.
func goroutines() int {
	var all []int
	for range 10 {
		all = append(all, runtime.NumGoroutine())
		time.Sleep(time.Millisecond)
	}
	return slices.Min(all)
}

// awaitGoroutines waits until there are no more than before.
func awaitGoroutines(t *testing.T, level int) {
	t.Helper()
	for deadline := time.Now().Add(patienceOfTests); runtime.NumGoroutine() > level; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, were %d:\n%s", runtime.NumGoroutine(), level, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
