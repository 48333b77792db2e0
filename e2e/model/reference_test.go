package model

import (
	"slices"
	"time"
)

// moment is a time, counted from a day long before any schedule; 0 is none.
type moment = time.Duration

// instant is one reading of the two clocks.
type instant struct{ wall, life moment }

// less is the instant that lay so long before i.
func (i instant) less(d time.Duration) instant { return instant{i.wall - d, i.life - d} }

// ahead is how far the wall clock runs ahead of lifecycle time, if it does.
func (i instant) ahead() time.Duration { return max(0, i.wall-i.life) }

// deadline is an end of trust: on the clock that never steps, and by how much the
// wall clock was ahead of that when the cause happened. Section 3 has causes
// stamped on both clocks and deadlines compared with both.
type deadline struct {
	life  moment
	ahead time.Duration
}

func (d deadline) passed(now instant) bool {
	return d.life != 0 && (now.life >= d.life || now.wall-d.ahead >= d.life)
}

// sooner is the one of two deadlines that ends trust first on each clock.
func sooner(a, b deadline) deadline {
	if a.life == 0 {
		return b
	}
	if b.life == 0 {
		return a
	}
	return deadline{min(a.life, b.life), min(a.ahead, b.ahead)}
}

// state is where a key stands; the words are those of section 2.
type state string

const (
	none    state = "none" // there is no such key
	pending state = "pending"
	active  state = "active"
	grace   state = "grace"
	retired state = "retired"
	revoked state = "revoked"
)

// Precedence, section 3: revoked > retired > pending > grace > active.
var precedence = []state{active, grace, pending, retired, revoked}

func stricter(a, b state) state {
	if slices.Index(precedence, a) > slices.Index(precedence, b) {
		return a
	}
	return b
}

// params are the settings of an issuer that decide about lives.
type params struct {
	interval, maxStale, grace, confirm, delay time.Duration
	replace                                   bool
}
