package model

import (
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// Each mutant is a guard with one fault of the kind that the invariants are about.
// The schedules must tell it from a good one.
func TestMutantsAreFound(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults faultsOf
		within int // schedules
	}{
		{"a restart forgets tombstones", faultsOf{restore: forgetTombstones}, 200},
		{"a restart forgets revocations", faultsOf{restore: forgetRevocations}, 400},
		{"a restart forgets moduli", faultsOf{restore: forgetModuli}, 2000},
		{"a restart begins every grace anew", faultsOf{restore: renewGrace}, 400},
		{"a restart forgets withdrawals", faultsOf{restore: forgetDepartures}, 400},
		{"lifecycle time begins anew at each start", faultsOf{lifeFromWall: true}, 400},
		{"what narrows trust is acknowledged, and not written", faultsOf{forgetful: true}, 200},
		{"decisions know the wall clock alone", faultsOf{clocks: wallAlone}, 400},
		{"decisions know lifecycle time alone", faultsOf{clocks: lifeAlone}, 400},
		{"decisions go by the set before", faultsOf{sets: lagging}, 400},
		{"the age of an answer is not looked at", faultsOf{ignorant: true}, 400},
		{"every fetch is made twice", faultsOf{doubled: true}, 10},
		{"uses are counted for nobody", faultsOf{uncounted: true}, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(tt.within) {
				if _, err := playIn(t, schedule(seed), tt.faults); err != nil {
					t.Logf("schedule %d: %s", seed, strings.SplitN(err.Error(), "\n", 2)[0])
					return
				}
			}
			t.Errorf("%d schedules did not find it", tt.within)
		})
	}
}

// each gives every record after a change to a copy of it.
func each(records []*keyset.Key, change func(*keyset.Key)) []*keyset.Key {
	var all []*keyset.Key
	for _, k := range records {
		c := *k
		change(&c)
		all = append(all, &c)
	}
	return all
}

func forgetTombstones(records []*keyset.Key) []*keyset.Key {
	return each(records, func(k *keyset.Key) {
		if k.RevokedAt.IsZero() {
			k.Final, k.RetiredAt = false, time.Time{}
		}
	})
}

func forgetRevocations(records []*keyset.Key) []*keyset.Key {
	return each(records, func(k *keyset.Key) { k.RevokedAt = time.Time{} })
}

func forgetModuli(records []*keyset.Key) []*keyset.Key {
	return each(records, func(k *keyset.Key) { k.Modulus = "" })
}

func renewGrace(records []*keyset.Key) []*keyset.Key {
	return each(records, func(k *keyset.Key) {
		if !k.GraceUntil.IsZero() {
			k.GraceUntil = k.GraceUntil.Add(time.Minute)
		}
	})
}

func forgetDepartures(records []*keyset.Key) []*keyset.Key {
	return each(records, func(k *keyset.Key) {
		if !k.Final {
			k.Departure = keyset.Departure{}
		}
	})
}

func wallAlone(now keyset.Instant) keyset.Instant {
	return keyset.Instant{Wall: now.Wall, Life: now.Wall}
}
func lifeAlone(now keyset.Instant) keyset.Instant {
	return keyset.Instant{Wall: now.Life, Life: now.Life}
}

// lagging gives each set once the next one is there.
func lagging(c *jwkscache.Cache) verify.Keys { return &laggard{cache: c} }

type laggard struct {
	cache        *jwkscache.Cache
	last, before *keyset.Set
}

func (l *laggard) Set() *keyset.Set {
	if set := l.cache.Set(); set != l.last {
		l.before, l.last = l.last, set
	}
	if l.before == nil {
		return l.last
	}
	return l.before
}
