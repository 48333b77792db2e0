package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Restored is what the ledger knows of one issuer.
type Restored struct {
	Issuer string // the iss value
	Name   string // the name that it had last
	Set    *keyset.Set
}

// replay collects what the lines of a file leave behind. Of a record it holds the
// newest text alone: most lines are superseded, and are never decoded.
type replay struct {
	past  map[string]*past // by iss
	lines int              // that were applied
	last  time.Time        // latest lifecycle time

	// With salvage, lines may be lost: what each one says counts, not its record alone.
	where  func(number int) string // a line stands; nil: nothing is lost
	buried []grave                 // what that led to, once there are images
}

// past is what is known of one issuer so far.
type past struct {
	name       string
	rawName    string // as it stood in the file
	observed   []byte // of the last observed line
	observedAt int    // number of that line
	slots      map[ident]*slot
	claims     map[ident]*claim // with salvage
}

// slot is one record.
type slot struct {
	id    ident
	order int    // the line that brought it; records are in this order
	key   []byte // the newest text
	line  int    // where it stands
	tally keyset.Tally

	gone   int // with salvage: the line that says that it was forgotten
	goneAt keyset.Instant
}

func newReplay() *replay { return &replay{past: map[string]*past{}} }

// apply takes in one line. Of two, the one with the greater number is the newer.
func (r *replay) apply(l *line, number int) error {
	r.lines++
	if l.life.After(r.last) {
		r.last = l.life
	}
	if l.iss == nil {
		return nil // of no issuer, or not of the life of keys
	}
	p := r.of(l)
	if r.where != nil && p.hear(l, number) {
		return nil
	}
	switch {
	case string(l.event) == eventForgotten:
		delete(p.slots, ident{string(unquoted(l.thumbprint)), ""})
		if l.thumbprint == nil {
			delete(p.slots, ident{"", string(unquoted(l.kid))})
		}
	case l.observed != nil:
		p.observed, p.observedAt = append(p.observed[:0], l.observed...), number
	case l.key != nil:
		return p.put(l, number)
	case l.usage != nil:
		return p.use(l)
	}
	return nil
}

// of is the issuer of a line.
func (r *replay) of(l *line) *past {
	iss := unquoted(l.iss)
	p, ok := r.past[string(iss)]
	if !ok {
		p = &past{slots: map[ident]*slot{}, claims: map[ident]*claim{}}
		r.past[string(iss)] = p
	}
	if p.rawName != string(l.issuer) {
		p.rawName, p.name = string(l.issuer), string(unquoted(l.issuer))
	}
	return p
}

// put takes in a record.
func (p *past) put(l *line, number int) error {
	id := ident{thumbprint: string(unquoted(l.thumbprint))}
	if id.thumbprint == "" { // rare: it is known by a kid, which stands inside
		var r record
		if err := read(l.key, &r); err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if len(r.Kids) > 0 {
			id.kid = r.Kids[0].Kid
		}
	}
	if l.was != nil {
		was := ident{kid: string(unquoted(l.was))}
		if s, ok := p.slots[was]; ok {
			delete(p.slots, was)
			s.id = id
			p.slots[id] = s
		}
		p.rename(was, id)
	}
	s, ok := p.slots[id]
	if !ok {
		s = &slot{id: id, order: number}
		p.slots[id] = s
	} else if s.gone > s.line {
		s.order, s.tally = number, keyset.Tally{}
	}
	s.key, s.line = append(s.key[:0], l.key...), number
	if l.usage == nil {
		return nil
	}
	t, err := readTally(l.usage)
	s.tally = t
	return err
}

// use takes in a usage line: differences, and the latest times.
func (p *past) use(l *line) error {
	t, err := readTally(l.usage)
	if err != nil {
		return err
	}
	id := ident{thumbprint: string(unquoted(l.thumbprint))}
	if l.thumbprint == nil {
		id.kid = string(unquoted(l.kid))
	}
	if s, ok := p.slots[id]; ok {
		t.Allowed += s.tally.Allowed
		t.Denied += s.tally.Denied
		for i := range t.Attempts {
			t.Attempts[i] += s.tally.Attempts[i]
		}
		s.tally = t
	}
	return nil
}

func readTally(text []byte) (keyset.Tally, error) {
	var u usage
	if err := read(text, &u); err != nil {
		return keyset.Tally{}, fmt.Errorf("usage: %w", err)
	}
	return u.tally(), nil
}

// lostRecord is a record that cannot be read.
type lostRecord struct {
	line int
	err  error
	iss  string
	id   ident // zero: of no key
}

// images decodes what is left. Records that cannot be read are left out and told.
func (r *replay) images(readKey func([]byte) (keyset.Listed, error)) (map[string]*image, []lostRecord) {
	images := map[string]*image{}
	var lost []lostRecord
	for iss, p := range r.past {
		m := &image{name: p.name}
		var at observation
		if p.observed != nil {
			if err := read(p.observed, &at); err != nil {
				lost = append(lost, lostRecord{line: p.observedAt, err: fmt.Errorf("observed: %w", err)})
			}
		}
		m.observed = keyset.Instant(at)
		slots := slices.SortedFunc(maps.Values(p.slots), func(a, b *slot) int { return cmp.Compare(a.order, b.order) })
		for _, s := range slots {
			k, err := s.record(readKey)
			if err != nil {
				lost = append(lost, lostRecord{s.line, fmt.Errorf("key: %w", err), iss, s.id})
			}
			if k == nil {
				p.glean(s, r.last)
			}
			if k == nil || s.gone > s.line && !k.Final && k.State(s.goneAt) < keyset.Retired {
				continue
			}
			if s.line < p.observedAt && !at.Life.IsZero() {
				k = observe(k, at.Life)
			}
			m.entries = append(m.entries, &entry{s.id, k, s.tally})
		}
		keys := make([]*keyset.Key, len(m.entries))
		for i, e := range m.entries {
			keys[i] = e.key
		}
		m.latest = keyset.Restore(m.observed, keys)
		if r.where != nil {
			r.bury(p, m)
		}
		if len(m.entries) > 0 || !m.observed.IsZero() {
			images[iss] = m
		}
	}
	slices.SortFunc(lost, func(a, b lostRecord) int { return cmp.Compare(a.line, b.line) })
	return images, lost
}

// record decodes the newest text. Of one that is out of service for ever, the
// names are given even if its material cannot be read: distrust outlives damage.
func (s *slot) record(readKey func([]byte) (keyset.Listed, error)) (*keyset.Key, error) {
	k, err := readRecord(s.key, readKey)
	if k != nil {
		k.Usage = keyset.NewUsage(s.tally)
		if err == nil && identOf(k) != s.id {
			err = errors.New("its thumbprint is not that of the line")
		}
	}
	if err != nil && (k == nil || !k.Final || identOf(k) != s.id) {
		return nil, err
	}
	return k, err
}
