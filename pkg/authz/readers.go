package authz

import (
	"math/rand/v2"
	"sync/atomic"

	"google.golang.org/grpc/peer"
)

const (
	// maxReaders is how many checks may be on their way in at once. Envoy sends a
	// check in one piece, and most are there before the guard asks for them. Whoever
	// begins checks and does not go on with them holds [Window] of memory for each,
	// 64 MiB in all, and keeps nobody out: who comes next takes one of his places.
	maxReaders = 1024
	// places is where a newcomer looks for room, and reach where it looks for somebody
	// who has to go if there is none.
	places, reach = 4, 32
	// stride sets those who come one after the other on cache lines of their own.
	stride = 17
)

// readers are those who read a check at the moment. There is no lock: each check
// passes here.
type readers struct {
	turn  atomic.Uint64
	slots [maxReaders]atomic.Pointer[reader]
}

// reader reads one check.
type reader struct {
	from *peer.Peer // its connection
	stop messages   // whose reading ends when its place is taken
	turn uint64
	slot *atomic.Pointer[reader]
}

// enter gives a place to a reader, who leaves it later. If there is no room, one of
// the connection has to go that has the most places in reach, the oldest one of them.
func (r *readers) enter(me *reader) {
	me.turn = r.turn.Add(1)
	for {
		for i := range uint64(places) {
			if s := r.at(me.turn, i*maxReaders/places); s.CompareAndSwap(nil, me) {
				me.slot = s
				return
			}
		}
		slot, victim := r.victim()
		if !slot.CompareAndSwap(victim, me) {
			continue // somebody was faster
		}
		me.slot = slot
		if victim != nil {
			_ = victim.stop.WriteStatus(evicted) // the stream may have ended meanwhile
		}
		return
	}
}

// at is a place for a turn. Those at the same distance for turns that are close to
// each other are different ones.
func (r *readers) at(turn, distance uint64) *atomic.Pointer[reader] {
	return &r.slots[(turn*stride+distance)%maxReaders]
}

// victim is a place for a newcomer, and who has to go for it, nil if it is free. It
// looks about at random, so that nobody can arrange not to be seen. Of up to 31 connections
// that stall, one is seen twice; among more of them the oldest reader has to go, and
// that is none who is about to be done.
func (r *readers) victim() (slot *atomic.Pointer[reader], victim *reader) {
	const part = maxReaders / reach
	var at [reach]*atomic.Pointer[reader]
	var seen [reach]*reader
	for i := range seen {
		at[i] = &r.slots[i*part+rand.IntN(part)]
		if seen[i] = at[i].Load(); seen[i] == nil {
			return at[i], nil
		}
	}
	most := 0
	for i, one := range seen {
		n := 0
		for _, other := range seen {
			if other.from == one.from {
				n++
			}
		}
		if n > most || n == most && one.turn < victim.turn {
			most, victim, slot = n, one, at[i]
		}
	}
	return slot, victim
}

// leave gives a reader's place back, if it still has it.
func (me *reader) leave() { me.slot.CompareAndSwap(me, nil) }
