package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// account takes in a line about keys.
func (r *recount) account(l *line, m *mention) error {
	iss, event := string(unquoted(l.iss)), string(l.event)
	id := ident{thumbprint: string(unquoted(l.thumbprint))}
	if l.thumbprint == nil {
		id.kid = string(unquoted(l.kid))
	}
	if l.key != nil && l.thumbprint == nil { // rare: what it is known by stands inside
		var k record
		if err := read(l.key, &k); err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if id = (ident{}); len(k.Kids) > 0 {
			id.kid = k.Kids[0].Kid
		}
	}
	if l.was != nil {
		r.rename(iss, ident{kid: string(unquoted(l.was))}, id)
	}
	if event == eventForgotten {
		if p := r.replay.past[iss]; p != nil && p.slots[id] != nil {
			r.subject(iss, id).leave(p.slots[id], l.life)
		}
	}
	if err := r.replay.apply(l, r.lines); err != nil {
		return err
	}
	if id == (ident{}) || event == eventForgotten || l.key == nil && l.usage == nil && m.To == "" && m.Action == "" && m.Anomaly == "" {
		return nil
	}
	s := r.subject(iss, id)
	s.name, s.touched = r.replay.past[iss].name, l.life
	if s.kid == "" || l.key == nil {
		s.kid = string(unquoted(l.kid))
	}
	if l.key != nil {
		s.hold(l.usage != nil)
	}
	first := r.baseline > 0 && event == eventRecord
	if first {
		r.baseline--
	}
	counts := r.begun && !first && !l.life.Before(r.from)
	if l.usage != nil {
		t, err := readTally(l.usage)
		if err != nil {
			return err
		}
		slot := r.replay.past[iss].slots[id]
		return s.count(t, l.key != nil, counts, slot)
	}
	s.event(l, m, counts)
	return nil
}

// subject is the account of a key in the making.
func (r *recount) subject(iss string, id ident) *subject {
	of := r.subjects[iss]
	if of == nil {
		of = map[ident]*subject{}
		r.subjects[iss] = of
	}
	s := of[id]
	if s == nil {
		s = &subject{iss: iss, id: id, order: r.lines}
		of[id] = s
	}
	return s
}

// rename makes one account of a key whose material has come to light.
func (r *recount) rename(iss string, was, id ident) {
	of := r.subjects[iss]
	if s := of[was]; s != nil && of[id] == nil {
		delete(of, was)
		s.id = id
		of[id] = s
	}
}

// begin notes the states with which the period starts.
func (r *recount) begin() error {
	r.begun = true
	at := keyset.Instant{Wall: r.from, Life: r.from}
	for _, iss := range slices.Sorted(maps.Keys(r.replay.past)) {
		for id, slot := range r.replay.past[iss].slots {
			k, err := readBare(slot.key)
			if err != nil {
				return fmt.Errorf("key: %w", err)
			}
			s := r.subject(iss, id)
			state := k.State(at)
			if s.start = state.String(); state >= keyset.Retired {
				s.out = sooner(k.Ended(at), r.from)
			}
		}
	}
	return nil
}

// readBare reads a record without its material, which only says that there is some.
func readBare(text []byte) (*keyset.Key, error) {
	return readRecord(text, func(jwk []byte) (keyset.Listed, error) {
		var r record
		err := read(text, &r)
		return keyset.Listed{Thumbprint: r.Thumbprint, Modulus: r.Modulus, Public: bytes.Clone(jwk), JWK: jwk}, err
	})
}
