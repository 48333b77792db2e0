package keyset

import (
	"slices"
	"strings"
	"time"
)

// Set is an immutable snapshot of all keys of one issuer, those out of service
// included. It is made by [New] and by the methods that return another one.
type Set struct {
	params   Params
	keys     []*Key
	observed Instant   // of the newest observation; zero: none yet
	failing  bool      // the last fetch failed
	doubtful bool      // how old the newest observation is, nobody can tell
	skipped  []Skipped // of the newest observation

	// Indexes into keys. Snapshots share them until a record or a name is added.
	byKid        map[string]name
	byThumbprint map[string]int
	byModulus    map[string][]int

	// returned holds the names under which the newest document lists keys that
	// are out of service. They count where no key has had the name: evidence can
	// name the key.
	returned map[string]int
	// told are the anomalies of the newest observation that would be told again
	// at each one.
	told map[anomaly]bool
}

// name is one kid's place: the record and the alias in it.
type name struct{ key, alias int }

// anomaly identifies an anomaly that lasts.
type anomaly struct {
	Anomaly
	kid, thumbprint string
}

// New is the set of an issuer of which nothing is known yet.
func New(p Params) *Set { return &Set{params: p} }

// Observed is the time of the newest observation; zero if there was none.
func (s *Set) Observed() Instant { return s.observed }

// Stale tells whether the newest observation is too old to decide by, on either
// clock: a suspended machine stops one of them, a step moves the other.
func (s *Set) Stale(now Instant) bool {
	return s.params.MaxStale > 0 && !s.observed.IsZero() && (s.doubtful || now.age(s.observed) > s.params.MaxStale)
}

// Failing tells whether the last attempt to fetch the keys failed.
func (s *Set) Failing() bool { return s.failing }

// WithFailure is the same set after a fetch that failed.
func (s *Set) WithFailure() *Set {
	n := *s
	n.failing = true
	return &n
}

// Params are the settings that the set lives by.
func (s *Set) Params() Params { return s.params }

// Keys lists all records, in the order in which they came; not to be changed.
func (s *Set) Keys() []*Key { return s.keys }

// Skipped lists the keys of the newest document that are not used, and why; not
// to be changed.
func (s *Set) Skipped() []Skipped { return s.skipped }

// Lookup finds the key that a kid names.
func (s *Set) Lookup(kid string) (Ref, bool) {
	if n, ok := s.byKid[kid]; ok {
		k := s.keys[n.key]
		return Ref{Key: k, Name: k.Aliases[n.alias].Kid, alias: n.alias}, true
	}
	if i, ok := s.returned[kid]; ok {
		return Ref{Key: s.keys[i], Name: strings.Clone(kid), alias: -1}, true
	}
	return Ref{}, false
}

// ByThumbprint finds a key by its RFC 7638 thumbprint.
func (s *Set) ByThumbprint(thumbprint string) (*Key, bool) {
	i, ok := s.byThumbprint[thumbprint]
	if !ok {
		return nil, false
	}
	return s.keys[i], true
}

// akin finds the records of a material: that of the thumbprint, and those that
// share the RSA modulus. Who has the private key of one has that of all.
func (s *Set) akin(thumbprint, modulus string) []int {
	found := slices.Clone(s.byModulus[modulus])
	if i, ok := s.byThumbprint[thumbprint]; ok && !slices.Contains(found, i) {
		found = append(found, i)
	}
	return found
}

// Usable tells whether tokens can be accepted now: an observation that is not
// stale, and an active key that fits the issuer's algorithms.
func (s *Set) Usable(now Instant) bool {
	return !s.observed.IsZero() && !s.Stale(now) && s.hasActive(now)
}

// Next is how long it takes until a deadline of any key falls due on one of the
// clocks; ok is false if none lies ahead.
func (s *Set) Next(now Instant) (wait time.Duration, ok bool) {
	consider := func(t time.Time, now Instant) {
		for _, d := range [...]time.Duration{t.Sub(now.Wall), t.Sub(now.Life)} {
			if d > 0 && (!ok || d < wait) {
				wait, ok = d, true
			}
		}
	}
	for _, k := range s.keys {
		for _, t := range [...]time.Time{k.Activates, k.NotBefore, k.Expires, k.RetiredAt} {
			consider(t, now)
		}
		consider(k.GraceFrom, now.without(k.Drift))
		consider(k.GraceUntil, now.without(k.Drift))
	}
	return wait, ok
}

// ConfirmAt is when the issuer should be asked again about an absence, past all
// HTTP caches; ok is false if there is none to confirm.
func (s *Set) ConfirmAt(now Instant) (at time.Time, ok bool) {
	consider := func(d Departure) {
		if !d.LeftAt.IsZero() && !d.withdrawn(now) {
			at, ok = earlier(at, d.LeftAt.Add(s.params.RemovalConfirm)), true
		}
	}
	for _, k := range s.keys {
		if k.ordered(now) {
			continue
		}
		consider(k.Departure)
		for _, a := range k.Aliases {
			consider(a.Departure)
		}
	}
	return at, ok
}

// WithParams is the same set under other settings. Deadlines that stand already
// may only come nearer by that.
func (s *Set) WithParams(p Params) *Set {
	d := s.edit(Instant{})
	d.params = p
	for i, k := range d.keys {
		byItself := k.Final && k.OrderedUntil.IsZero() // and so for good: its names alone may count again
		if !k.LeftAt.IsZero() && !byItself {
			d.change(i).bringForward(p, k.LastSeen)
		}
		for j, a := range k.Aliases {
			if !a.LeftAt.IsZero() {
				d.change(i).Aliases[j].bringForward(p, a.LastSeen)
			}
		}
	}
	return d.done()
}

// reindex makes the indexes anew.
func (s *Set) reindex() {
	s.byKid = make(map[string]name, len(s.keys))
	s.byThumbprint = make(map[string]int, len(s.keys))
	s.byModulus = make(map[string][]int)
	for i := range s.keys {
		s.index(i)
	}
}

// index enters the record i. Where several keys have had one kid, the kid names
// the one that was last listed under it, or of two at the same time the later
// record, so that it does not depend on which one is entered first.
func (s *Set) index(i int) {
	k := s.keys[i]
	if k.Thumbprint != "" {
		s.byThumbprint[k.Thumbprint] = i
	}
	if at, known := slices.BinarySearch(s.byModulus[k.Modulus], i); k.Modulus != "" && !known {
		s.byModulus[k.Modulus] = slices.Insert(s.byModulus[k.Modulus], at, i)
	}
	for j, a := range k.Aliases {
		old, taken := s.byKid[a.Kid]
		if !taken || old.key == i || a.supersedes(s.keys[old.key].Aliases[old.alias], i > old.key) {
			s.byKid[a.Kid] = name{i, j}
		}
	}
}

// supersedes tells whether a kid names a's key rather than b's.
func (a Alias) supersedes(b Alias, newer bool) bool {
	return a.LastSeen.After(b.LastSeen) || newer && a.LastSeen.Equal(b.LastSeen)
}

// listed tells whether the newest document that counted had the kid.
func (a Alias) listed() bool { return !a.FirstSeen.IsZero() && a.LeftAt.IsZero() }
