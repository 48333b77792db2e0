package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// recall is the model of one issuer after a restart: each record as it was at one
// of the moments since when all was known to be on disk. Of a guard that stopped
// in peace there is one such moment. last_seen may be older than the truth, never
// younger.
func (w *world) recall(i int, set *keyset.Set) (*issuer, error) {
	past := w.history[i]
	if len(past) == 0 {
		return newIssuer(w.conf.params), nil
	}
	now := newest(past)
	next := newIssuer(w.conf.params)
	next.params, next.dead = now.params, maps.Clone(now.dead)
	if set == nil {
		set = keyset.New(keyset.Params{})
	}
	next.observed = instant{wall: momentOf(set.Observed().Wall), life: momentOf(set.Observed().Life)}
	if next.observed.life > now.observed.life {
		return nil, fmt.Errorf("%s: the guard remembers an observation of %v, the last one was at %v", issuerNames[i], next.observed, now.observed)
	}
	if late := now.observed.life - next.observed.life; len(past) == 1 && late > observedEvery {
		return nil, fmt.Errorf("%s: the guard remembers an observation that is %s older than the last one", issuerNames[i], late)
	}
	for _, k := range set.Keys() {
		r := match(past, k, w.now())
		if r == nil {
			return nil, fmt.Errorf("%s: the guard remembers %s, which it never was; it was %s", issuerNames[i], remembered(k, w.now()), versions(past, k, w.now()))
		}
		next.records = append(next.records, r)
	}
	for _, r := range now.records {
		if !slices.ContainsFunc(next.records, func(o *record) bool { return o.same(r) }) && !missing(past, r) {
			return nil, fmt.Errorf("%s: the guard has forgotten %s", issuerNames[i], label(r.thumb))
		}
	}
	for _, kid := range kids {
		for v := len(past) - 1; v >= 0 && next.names[kid] == nil; v-- {
			if holder := past[v].names[kid]; holder != nil {
				for _, r := range next.records {
					if r.same(holder) && r.name(kid) != nil {
						next.names[kid] = r
					}
				}
			}
		}
	}
	return next, nil
}

// observedEvery is how often observations that change nothing are noted (section
// 7), and one interval more.
const observedEvery = 15*time.Minute + 66*time.Second

func newest(past []*issuer) *issuer { return past[len(past)-1] }

// same tells whether two records are of one key.
func (r *record) same(o *record) bool {
	if r.thumb == "" && o.thumb == "" {
		return r.names[0].kid == o.names[0].kid
	}
	return r.thumb == o.thumb
}

// missing tells whether the record did not exist at one of the moments.
func missing(past []*issuer, r *record) bool {
	return slices.ContainsFunc(past, func(m *issuer) bool {
		return !slices.ContainsFunc(m.records, func(o *record) bool { return o.same(r) })
	})
}

// match finds the newest version of a record that the guard may remember so, and
// gives it with what may be older. at is the instant of the start: lifecycle time
// may have lost what was never written.
func match(past []*issuer, k *keyset.Key, at instant) *record {
	want := remembered(k, at)
	for v := len(past) - 1; v >= 0; v-- {
		for _, r := range past[v].records {
			if r.memory(at) != want || !r.final && momentOf(k.LastSeen) > r.lastSeen {
				continue
			}
			c := *r
			c.names = slices.Clone(r.names)
			c.lastSeen = momentOf(k.LastSeen)
			for _, a := range k.Aliases {
				n := c.name(a.Kid)
				switch {
				case n == nil:
				case r.dead(at): // nobody decides by it, so that no view shows it
					n.lastSeen, n.departure = momentOf(a.LastSeen), departureOf(a.Departure)
				case n.left == 0:
					n.lastSeen = momentOf(a.LastSeen)
				}
			}
			return &c
		}
	}
	return nil
}

func departureOf(d keyset.Departure) departure {
	return departure{
		left: momentOf(d.LeftAt), confirmed: d.Confirmed,
		counts: deadline{momentOf(d.GraceFrom), d.Drift}, until: deadline{momentOf(d.GraceUntil), d.Drift},
	}
}

func versions(past []*issuer, k *keyset.Key, at instant) string {
	var all []string
	for _, m := range past {
		for _, r := range m.records {
			if r.thumb == k.Thumbprint {
				all = append(all, r.memory(at))
			}
		}
	}
	return strings.Join(slices.Compact(all), " or ")
}

// memory is what a restart must bring back of a record.
func (r *record) memory(at instant) string {
	return memory(r.view(at), r.revoked, r.returned, r.reverted.left)
}

func remembered(k *keyset.Key, at instant) string {
	now := keyset.Instant{Wall: epoch.Add(at.wall), Life: epoch.Add(at.life)}
	return memory(viewOf(k, now), !k.RevokedAt.IsZero(), momentOf(k.ReturnedAt), momentOf(k.Reverted.LeftAt))
}

func memory(v view, revoked bool, returned, reverted moment) string {
	v.lastSeen = 0
	s := fmt.Sprintf("%v revoked=%t", v, revoked)
	if v == v.settled() && v.final {
		return s
	}
	return s + fmt.Sprintf(" returned %v after it left %v", returned, reverted)
}
