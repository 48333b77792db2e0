package model

import (
	"math/rand/v2"
	"time"
)

// settings are the configurations between which a schedule moves: short times, so
// that a few simulated minutes hold many lives.
var settings = []params{
	{interval: 30 * time.Second, maxStale: 3 * time.Minute, grace: time.Minute, confirm: 10 * time.Second},
	{interval: 12 * time.Second, maxStale: time.Minute, grace: 20 * time.Second, confirm: 5 * time.Second},
	{interval: 60 * time.Second, maxStale: 10 * time.Minute, grace: 5 * time.Minute, confirm: 30 * time.Second},
	{interval: 30 * time.Second, maxStale: 3 * time.Minute, grace: time.Minute, confirm: 10 * time.Second, delay: 45 * time.Second},
	{interval: 30 * time.Second, maxStale: 3 * time.Minute, grace: time.Minute, confirm: 10 * time.Second, replace: true},
}

// clockSkew is that of all issuers.
const clockSkew = 5 * time.Second

// tokenCacheBytes: the token cache is on, as it is by default.
const tokenCacheBytes = 1 << 20

// schedule makes a random schedule. It begins with a life that is worth something:
// two keys that are listed and known.
func schedule(seed uint64) []step {
	r := rand.New(rand.NewPCG(seed, 0))
	steps := []step{
		{op: opConfig, n: r.IntN(len(settings))},
		{op: opPublish, key: 0, kid: 0},
		{op: opPublish, key: 1 + r.IntN(5), kid: 1},
		{op: opPublish, iss: 1, key: 0, kid: 0},
		{op: opFetch},
	}
	for range 10 + r.IntN(25) {
		steps = append(steps, randomStep(r))
	}
	return steps
}

// weights say how often each kind of step comes.
var weights = []struct {
	op op
	n  int
}{
	{opPublish, 10}, {opWithdraw, 10}, {opRename, 3}, {opClear, 2}, {opEdge, 6}, {opFault, 3}, {opHeal, 4},
	{opSlow, 1}, {opWait, 12}, {opFetch, 14}, {opDeadline, 14}, {opClock, 5}, {opToken, 14},
	{opRetire, 6}, {opRevoke, 3}, {opRestore, 3}, {opConfig, 3}, {opRestart, 6}, {opDie, 2}, {opDisk, 4},
}

func randomOp(r *rand.Rand) op {
	sum := 0
	for _, w := range weights {
		sum += w.n
	}
	at := r.IntN(sum)
	for _, w := range weights {
		if at -= w.n; at < 0 {
			return w.op
		}
	}
	panic("unreachable")
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// seldom is a number under n that is mostly 0.
func seldom(r *rand.Rand, n int) int {
	if r.IntN(3) > 0 {
		return 0
	}
	return r.IntN(n)
}

func randomStep(r *rand.Rand) step {
	s := step{op: randomOp(r), iss: seldom(r, 2), key: r.IntN(len(materials())), kid: r.IntN(len(kids))}
	if r.IntN(2) == 0 { // a name that fits, in the spirit of the beginning
		s.key = s.kid
	}
	switch s.op {
	case opPublish:
		s.n = seldom(r, variants)
		s.d = pick(r, 20*time.Second, time.Minute, 5*time.Minute)
	case opEdge:
		s.n, s.d = 1+r.IntN(3), pick(r, 0, 0, 5*time.Second, 20*time.Second, time.Minute, time.Hour)
	case opFault:
		s.n = r.IntN(faults)
	case opSlow:
		s.d = pick(r, time.Second, 4*time.Second)
	case opWait:
		s.d = pick(r, time.Second, 5*time.Second, 11*time.Second, 31*time.Second, time.Minute, 4*time.Minute)
	case opDeadline:
		s.d = pick(r, -time.Millisecond, time.Millisecond, time.Second)
	case opClock:
		s.d = pick(r, -24*time.Hour, -time.Hour, -time.Minute, -20*time.Second, 7*time.Second, time.Minute, 5*time.Minute, time.Hour, 26*time.Hour)
	case opToken:
		s.n = seldom(r, tokenKinds)
		s.d = pick(r, 0, 10*time.Second, 30*time.Second, time.Minute, 3*time.Minute)
	case opRetire:
		s.n = r.IntN(namings)
		s.d = pick(r, 0, 0, 15*time.Second, time.Minute, 10*time.Minute)
	case opRevoke, opRestore:
		s.n = r.IntN(namings)
	case opConfig:
		s.n = r.IntN(len(settings))
		s.e = time.Duration(seldom(r, lines))
		s.d = pick(r, -time.Minute, -time.Second, 0, 20*time.Second)
	case opRestart:
		s.n = r.IntN(2)
		s.d = pick(r, 0, time.Second, 20*time.Second, 2*time.Minute)
		if r.IntN(2) == 0 {
			s.e = pick(r, -26*time.Hour, -time.Hour, -30*time.Second, 30*time.Second, time.Hour, 26*time.Hour)
		}
	case opDie:
		s.n = 1 + r.IntN(12)
	case opDisk:
		s.n = r.IntN(diskFaults)
	}
	return s
}
