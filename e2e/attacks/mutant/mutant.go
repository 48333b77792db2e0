// Package mutant switches checks of the guard off, one at a time, and does in their
// place what careless verifiers do. Only the build that edits_test.go describes has
// it: nothing of the guard imports it.
package mutant

import "sync/atomic"

// off are the checks that are switched off.
var off atomic.Pointer[map[string]bool]

// Set switches these checks off and all others on.
func Set(checks ...string) {
	m := map[string]bool{}
	for _, c := range checks {
		m[c] = true
	}
	off.Store(&m)
}

// Off tells whether a check is switched off.
func Off(check string) bool {
	m := off.Load()
	return m != nil && (*m)[check]
}

// One is how many there are for whoever does not count beyond the first.
func One(check string, n int) int {
	if Off(check) {
		return min(n, 1)
	}
	return n
}

// Never is a time at which no token expires.
const Never = 253402300799

// Time is what a careless reader takes for the time that a claim says: no end, or
// no beginning.
func Time(claim string, now int64) int64 {
	if claim == "exp" {
		return Never
	}
	return now
}
