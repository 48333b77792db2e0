package authz

import (
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// slow is a stream that never goes on.
type slow struct {
	mu    sync.Mutex
	ended *status.Status
}

func (s *slow) ReadMessageHeader([]byte) error    { select {} }
func (s *slow) Read(int) (mem.BufferSlice, error) { select {} }
func (s *slow) WriteStatus(with *status.Status) error {
	s.mu.Lock()
	s.ended = with
	s.mu.Unlock()
	return nil
}

// enter has a new connection begin a check.
func enter(r *readers) (*reader, *slow) {
	s := new(slow)
	me := &reader{from: new(peer.Peer), stop: s}
	r.enter(me)
	return me, s
}

// Whoever begins checks and does not go on with them keeps nobody out, and holds no
// more than the limit: the oldest ones have to go.
func TestNewcomersTakeThePlacesOfTheOldest(t *testing.T) {
	var r readers
	var all []*slow
	for range maxReaders * 3 {
		_, s := enter(&r)
		all = append(all, s)
	}
	gone := 0
	for i, s := range all {
		if s.ended == nil {
			continue
		}
		if gone++; i >= len(all)-reach {
			t.Errorf("number %d of %d had to go", i, len(all))
		}
	}
	if gone != len(all)-maxReaders {
		t.Errorf("%d of %d had to go", gone, len(all))
	}
}

// Who stalls many checks makes room for others, and those who have few keep theirs,
// however long they need.
func TestThoseWhoHoldMostMakeRoom(t *testing.T) {
	for name, floods := range map[string]int{"one connection": 1, "thirty": 30} {
		t.Run(name, func(t *testing.T) {
			var r readers
			envoy, patient := new(peer.Peer), new(slow)
			r.enter(&reader{from: envoy, stop: patient})
			hostile := make([]*peer.Peer, floods)
			for i := range hostile {
				hostile[i] = new(peer.Peer)
			}
			for i := range maxReaders * 20 {
				r.enter(&reader{from: hostile[i%floods], stop: new(slow)})
			}
			if patient.ended != nil {
				t.Error("Envoy's check had to go")
			}
		})
	}
}

// Those who came together take three quarters of all places, and still nobody has to
// go, however many others come and go meanwhile.
func TestNobodyHasToGoWhileThereIsRoom(t *testing.T) {
	var r readers
	var long []*slow
	for range maxReaders * 3 / 4 {
		_, s := enter(&r)
		long = append(long, s)
	}
	for range maxReaders * 10 {
		me, _ := enter(&r)
		me.leave()
	}
	for i, s := range long {
		if s.ended != nil {
			t.Fatalf("number %d had to go", i)
		}
	}
	left := 0
	for i := range r.slots {
		if r.slots[i].Load() != nil {
			left++
		}
	}
	if left != len(long) {
		t.Errorf("%d places are taken, by %d", left, len(long))
	}
}

// Wherever the others are, a newcomer finds a place, and nobody has to go while most
// places are free.
func TestNewcomersFindTheirPlaceHoweverOthersSit(t *testing.T) {
	var r readers
	var sitting []*slow
	for turn := range uint64(10) {
		for i := range uint64(places) {
			s := new(slow)
			r.at(turn+1, i*maxReaders/places).Store(&reader{from: new(peer.Peer), stop: s})
			sitting = append(sitting, s)
		}
	}
	done := make(chan bool)
	go func() {
		for range 10 {
			enter(&r)
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it looks for a place, and finds none")
	}
	for i, s := range sitting {
		if s.ended != nil {
			t.Errorf("number %d had to go", i)
		}
	}
}

// Who had to go does not take his successor's place with him.
func TestLeavingAfterTheSuccessorCame(t *testing.T) {
	var r readers
	first, s := enter(&r)
	for s.ended == nil {
		enter(&r)
	}
	before := first.slot.Load()
	first.leave()
	if before == first || before == nil || first.slot.Load() != before {
		t.Errorf("%p, and then %p", before, first.slot.Load())
	}
}

func TestManyEnterAndLeaveAtOnce(t *testing.T) {
	var r readers
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 2000 {
				me, _ := enter(&r)
				me.leave()
			}
		})
	}
	all.Wait()
	for i := range r.slots {
		if r.slots[i].Load() != nil {
			t.Fatalf("place %d is taken", i)
		}
	}
}
