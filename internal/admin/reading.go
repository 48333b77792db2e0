package admin

import (
	"maps"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// reading is the state of everything that the feed shows, at one instant.
type reading struct {
	now      keyset.Instant
	rows     map[rowID]row
	order    []rowID // as /api/v1/keys has them
	issuers  []Freshness
	refusals map[verify.Reason]uint64
}

// rowID is what a row is known by: the issuer, and the thumbprint or, without one,
// the kid.
type rowID struct{ issuer, thumbprint, kid string }

// row is all that the row of a key is made of: as long as it is the same, so is the
// row. A record never changes, and so its address will do.
type row struct {
	issuer *IssuerKeys
	key    *keyset.Key
	glance
}

// glance is what can change while record and settings stay.
type glance struct {
	state    keyset.State
	tally    keyset.Tally
	safety   keyset.Safety
	observed time.Time // of the issuer
}

func (r row) same(o row) bool {
	return r.key == o.key && r.glance == o.glance
}

// usage is the event that tells which rows of /api/v1/keys have changed.
type usage struct {
	At   time.Time `json:"at"`            // now, by the wall clock
	All  bool      `json:"all,omitempty"` // it begins a list of all rows that there are
	Keys []Key     `json:"keys"`
	Gone []gone    `json:"gone,omitempty"` // rows that are no more
}

// gone names a row that is no more.
type gone struct {
	Issuer     string `json:"issuer"`
	Kid        string `json:"kid,omitempty"`
	Thumbprint string `json:"thumbprint,omitempty"`
}

// issuers is the event that tells how fresh the keys of all issuers are.
type issuers struct {
	Issuers []Freshness `json:"issuers"`
}

func (f *Feed) read() reading {
	sets, now := f.guard.KeySets()
	r := reading{now: now, rows: map[rowID]row{}, refusals: f.refusals()}
	for i := range sets {
		issuer := &sets[i]
		r.issuers = append(r.issuers, issuer.freshness(now))
		for _, k := range issuer.Set.Keys() {
			id := rowID{issuer: issuer.Issuer, thumbprint: k.Thumbprint}
			if id.thumbprint == "" {
				id.kid = k.Kid()
			}
			state := k.State(now)
			one := row{issuer: issuer, key: k, glance: glance{state: state, tally: k.Tally(), observed: issuer.Set.Observed().Wall}}
			if state.Usable() {
				one.safety = issuer.safety(k, now)
			}
			r.rows[id] = one
			r.order = append(r.order, id)
		}
	}
	return r
}

// rowsAtOnce bounds the rows of one event of a whole state: some hundred
// kilobytes, however many keys there are.
const rowsAtOnce = 500

// whole tells all of a reading, in parts.
func (r *reading) whole(yield func([]byte) bool) {
	var b events
	b.add("issuers", "", issuers{append([]Freshness{}, r.issuers...)})
	first, rest := true, r.order
	for first || len(rest) > 0 {
		n := min(len(rest), rowsAtOnce)
		b.add("usage", "", usage{At: r.now.Wall, All: first, Keys: r.keys(rest[:n])})
		if !yield(b.text) {
			return
		}
		b, first, rest = events{}, false, rest[n:]
	}
	b.add("refusals", "", r.refusals)
	yield(b.text)
}

// since tells what has changed. A usage event is always in it, so that readers
// know that the guard is there, and what time it has.
func (r *reading) since(last *reading) []byte {
	var b events
	if !slices.EqualFunc(r.issuers, last.issuers, Freshness.same) {
		b.add("issuers", "", issuers{append([]Freshness{}, r.issuers...)})
	}
	changed := usage{At: r.now.Wall}
	var ids []rowID
	for _, id := range r.order {
		if before, known := last.rows[id]; !known || !r.rows[id].same(before) {
			ids = append(ids, id)
		}
	}
	changed.Keys = r.keys(ids)
	for _, id := range last.order {
		if _, still := r.rows[id]; !still {
			changed.Gone = append(changed.Gone, gone{id.issuer, id.kid, id.thumbprint})
		}
	}
	b.add("usage", "", changed)
	if !maps.Equal(r.refusals, last.refusals) {
		b.add("refusals", "", r.refusals)
	}
	return b.text
}

func (r *reading) keys(ids []rowID) []Key {
	keys := make([]Key, 0, len(ids))
	for _, id := range ids {
		one := r.rows[id]
		keys = append(keys, one.issuer.row(one.key.Kid(), one.key, one.key, r.now))
	}
	return keys
}
