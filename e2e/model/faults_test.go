package model

import (
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// faultsOf are what is wrong with a guard: nothing, but for the mutants that the
// schedules must find.
type faultsOf struct {
	lifeFromWall bool // lifecycle time begins anew at each start
	ignorant     bool // the guard is not told how old an answer is
	doubled      bool // every fetch is two
	uncounted    bool // an accepted token moves no key's usage
	clocks       func(keyset.Instant) keyset.Instant
	forgetful    bool // what narrows trust is not written down
	sets         func(*jwkscache.Cache) verify.Keys
	restore      func(records []*keyset.Key) []*keyset.Key
}

func (f faultsOf) instant(now keyset.Instant) keyset.Instant {
	if f.clocks != nil {
		return f.clocks(now)
	}
	return now
}

func (f faultsOf) keys(c *jwkscache.Cache) verify.Keys {
	if f.sets != nil {
		return f.sets(c)
	}
	return c
}
