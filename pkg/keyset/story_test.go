package keyset

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A story drives one set through the minutes of a day. Every snapshot that it
// publishes is compared with itself at the end: nothing may have changed it.
//
// A key is written KID or KID=MATERIAL or KID=MATERIAL/MODULUS; KID alone is the
// key whose material is called like it.
type story struct {
	t      *testing.T
	set    *Set
	now    Instant
	drift  time.Duration // of the wall clock against lifecycle time
	events []Event       // not asked for yet
	frozen []frozen
}

type frozen struct {
	set  *Set
	text string
}

// usual has round numbers: two intervals are 10 minutes, a withdrawn key is
// retired after 30, and at the latest 90 minutes after it was last listed.
var usual = Params{
	Interval: 5 * time.Minute, MaxStale: time.Hour, Grace: 30 * time.Minute, RemovalConfirm: time.Minute,
}

var midnight = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return midnight.Add(minutes(n)) }

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func instant(n int) Instant { return Instant{Wall: minute(n), Life: minute(n)} }

func begin(t *testing.T, p Params) *story {
	s := &story{t: t}
	s.at(0)
	s.take(New(p), nil)
	t.Cleanup(s.thaw)
	return s
}

// take makes a set the current one.
func (s *story) take(set *Set, events []Event) {
	if set != s.set {
		s.frozen = append(s.frozen, frozen{set, fingerprint(set)})
	}
	s.set, s.events = set, append(s.events, events...)
}

// thaw looks at all snapshots again.
func (s *story) thaw() {
	for i, f := range s.frozen {
		if diff := cmp.Diff(f.text, fingerprint(f.set)); diff != "" {
			s.t.Errorf("snapshot %d changed after it was published:\n%s", i, diff)
			return
		}
	}
}

func fingerprint(s *Set) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.params, s.observed, s.failing, s.skipped, s.byKid, s.byThumbprint, s.byModulus, s.returned, s.told)
	for _, k := range s.keys {
		c := *k
		c.Usage = nil
		fmt.Fprintf(&b, "%+v\n", c)
	}
	return b.String()
}

func (s *story) at(n int) *story {
	s.now = Instant{Wall: minute(n).Add(s.drift), Life: minute(n)}
	return s
}

// step moves the wall clock to n minutes ahead of lifecycle time.
func (s *story) step(n int) *story {
	s.now.Wall = s.now.Life.Add(minutes(n))
	s.drift = minutes(n)
	return s
}

func listed(key string) Listed {
	kid, material, ok := strings.Cut(key, "=")
	if !ok {
		material = kid
	}
	material, modulus, _ := strings.Cut(material, "/")
	public := make(ed25519.PublicKey, ed25519.PublicKeySize)
	copy(public, material)
	return Listed{Kid: kid, Thumbprint: "thumbprint of " + material, Modulus: modulus, Public: public, JWK: []byte(material)}
}

func document(keys ...string) Document {
	var doc Document
	for _, k := range keys {
		doc.Keys = append(doc.Keys, listed(k))
	}
	return doc
}

// publish lets the issuer's document be fetched now.
func (s *story) publish(keys ...string) *story { return s.observe(document(keys...), 0) }

// observe fetches a document that is some minutes old.
func (s *story) observe(doc Document, age int) *story {
	at := Instant{Wall: s.now.Wall.Add(-minutes(age)), Life: s.now.Life.Add(-minutes(age))}
	set, events := s.set.Observe(doc, at, s.now)
	s.take(set, events)
	return s
}

func (s *story) advance() *story {
	set, events := s.set.Advance(s.now)
	s.take(set, events)
	return s
}

func (s *story) order(o Order) *story {
	s.t.Helper()
	set, events, err := s.set.Apply(o, s.now)
	if err != nil {
		s.t.Fatalf("order %+v: %v", o, err)
	}
	s.take(set, events)
	return s
}

func (s *story) retire(kid string, grace int) *story {
	s.t.Helper()
	return s.order(Order{Action: Retire, Kid: kid, Grace: minutes(grace), Reason: "planned", Actor: "ops"})
}

func (s *story) revoke(kid string) *story {
	s.t.Helper()
	return s.order(Order{Action: Revoke, Kid: kid, Reason: "leaked", Actor: "ops"})
}

func (s *story) reinstate(kid string) *story {
	s.t.Helper()
	return s.order(Order{Action: Reinstate, Kid: kid, Reason: "a mistake", Actor: "ops"})
}

// want compares the states that tokens meet now: "A active, B grace, C unknown".
func (s *story) want(states string) *story {
	s.t.Helper()
	var got []string
	for state := range strings.SplitSeq(states, ", ") {
		kid, _, _ := strings.Cut(state, " ")
		word := "unknown"
		if ref, ok := s.set.Lookup(kid); ok {
			word = ref.State(s.now).String()
		}
		got = append(got, kid+" "+word)
	}
	if diff := cmp.Diff(states, strings.Join(got, ", ")); diff != "" {
		s.t.Fatalf("states at minute %v (want -, got +):\n%s", s.now.Life.Sub(midnight).Minutes(), diff)
	}
	return s
}

// final compares which records are tombstones, by kid or material.
func (s *story) final(want ...string) *story {
	s.t.Helper()
	var got []string
	for _, k := range s.set.Keys() {
		if k.Final {
			name := k.Kid()
			if name == "" {
				name = k.Thumbprint
			}
			got = append(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Fatalf("tombstones at minute %v (want -, got +):\n%s", s.now.Life.Sub(midnight).Minutes(), diff)
	}
	return s
}

// told compares the anomalies since the last call.
func (s *story) told(want ...Anomaly) *story {
	s.t.Helper()
	var got []Anomaly
	for _, e := range s.events {
		if e.Type == EventAnomaly {
			got = append(got, e.Anomaly)
		}
	}
	s.events = nil
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Fatalf("anomalies at minute %v (want -, got +):\n%s", s.now.Life.Sub(midnight).Minutes(), diff)
	}
	return s
}

// happened compares the types of all other events since the last call, without
// the states.
func (s *story) happened(want ...EventType) *story {
	s.t.Helper()
	var got []EventType
	for _, e := range s.events {
		if e.Type != EventAnomaly && e.Type != EventState {
			got = append(got, e.Type)
		}
	}
	s.events = nil
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Fatalf("events at minute %v (want -, got +):\n%s", s.now.Life.Sub(midnight).Minutes(), diff)
	}
	return s
}

// skipped compares what the newest document lists in vain.
func (s *story) skipped(want ...Skipped) *story {
	s.t.Helper()
	if diff := cmp.Diff(want, s.set.Skipped()); diff != "" {
		s.t.Fatalf("skipped at minute %v (want -, got +):\n%s", s.now.Life.Sub(midnight).Minutes(), diff)
	}
	return s
}

// key is the record that a kid names.
func (s *story) key(kid string) *Key {
	s.t.Helper()
	ref, ok := s.set.Lookup(kid)
	if !ok {
		s.t.Fatalf("no key is called %s", kid)
	}
	return ref.Key
}

func wantTime(t *testing.T, what string, got, want time.Time) {
	t.Helper()
	if !got.Equal(want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
