package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// states are those of all keys that a ledger of a text knows, at the end of the tale.
// With damage the text is salvaged.
func (s chronicle) states(t *testing.T, text string, damage bool) []string {
	t.Helper()
	d := newDisk()
	d.write(fileName, text)
	return s.known(t, d, damage)
}

func (s chronicle) known(t *testing.T, d *disk, damage bool) (all []string) {
	t.Helper()
	cfg := d.config()
	cfg.AcceptLoss = damage
	l := openBy(t, cfg)
	if err := l.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	if lost := slices.ContainsFunc(l.Findings(), func(f string) bool { return strings.Contains(f, "state loss accepted") }); lost != damage {
		t.Fatalf("state loss accepted: %t, want %t: %q", lost, damage, l.Findings())
	}
	for _, r := range l.Restored() {
		for _, k := range r.Set.Keys() {
			all = append(all, fmt.Sprintf("%s %s final=%t", identOf(k), k.State(s.end), k.Final))
		}
	}
	slices.Sort(all)
	return all
}

// Lines are not always where they were written: a copy was appended, blocks of a disk
// changed places, a newline was lost. None of that loses a line, and so it changes no
// key, whatever stands last.
func TestLinesOutOfTheirPlaceChangeNothing(t *testing.T) {
	older := 0
	for seed := range uint64(12) {
		s := tale(t, seed)
		whole := strings.Join(s.lines, "")
		want := s.states(t, whole, false)
		try := func(what, text string) {
			t.Helper()
			if diff := cmp.Diff(want, s.states(t, text, true)); diff != "" {
				t.Fatalf("seed %d, %s: %s", seed, what, diff)
			}
		}
		older += len(s.older)
		try("the files before were appended", whole+strings.Join(s.older, ""))
		try("the files before were put in front", strings.Join(s.older, "")+"\n"+whole)
		try("the file was appended to itself", whole+whole)
		random := rand.New(rand.NewPCG(seed, 0))
		for i := range s.lines {
			try(fmt.Sprintf("line %d stands at the end, too", i+1), whole+s.lines[i])
			if i == 0 {
				continue
			}
			moved := slices.Clone(s.lines)
			moved[i-1], moved[i] = moved[i], moved[i-1]
			try(fmt.Sprintf("lines %d and %d changed places", i, i+1), strings.Join(moved, ""))
			joined := slices.Clone(s.lines)
			joined[i-1] = strings.TrimSuffix(joined[i-1], "\n") + []string{"\v", "", "\x00"}[i%3]
			try(fmt.Sprintf("lines %d and %d run together", i, i+1), strings.Join(joined, ""))
		}
		for range 10 {
			moved := slices.Clone(s.lines)
			random.Shuffle(len(moved), func(i, j int) { moved[i], moved[j] = moved[j], moved[i] })
			try("shuffled", strings.Join(moved, ""))
		}
		try("no newline is left", strings.ReplaceAll(whole, "\n", ""))
		try("the last newline is another byte, and one is missing before", strings.Replace(strings.TrimSuffix(whole, "\n"), "\n", "\v", 1)+"\v")
	}
	if older == 0 {
		t.Fatal("no tale had a file before")
	}
}

// A key whose record is lost with a part of the snapshot is known from the file of
// which the snapshot was made.
func TestTheFileBeforeTellsWhatTheSnapshotLost(t *testing.T) {
	cases := 0
	for seed := range uint64(20) {
		s := tale(t, seed)
		if len(s.older) == 0 {
			continue
		}
		want := s.states(t, strings.Join(s.lines, ""), false)
		for n := range s.lines {
			if n > 0 && !slices.Contains([]string{eventRecord, eventObserved, eventLoss}, s.words[n].Event) {
				break // of the snapshot
			}
			d := newDisk()
			lines := slices.Clone(s.lines)
			lines[n] = strings.Replace(lines[n], "seq", "sEq", 1)
			d.write(fileName, strings.Join(lines, ""))
			for i, name := range s.names {
				d.write(name, s.older[i])
			}
			cases++
			got := s.known(t, d, true)
			for _, k := range want {
				if !slices.Contains(got, k) {
					t.Fatalf("seed %d without line %d: %s is not among %q", seed, n+1, k, got)
				}
			}
		}
	}
	if cases < 20 {
		t.Errorf("%d cases: too few", cases)
	}
}

// What an older file alone tells of a key does not bring it back: the snapshot of the
// newer one would have it.
func TestForgottenKeysDoNotComeBack(t *testing.T) {
	at := keyset.Instant{Wall: noon, Life: noon}
	b := &batch{scroll: scroll{chain: chain{head: begin}}, images: map[string]*draft{}}
	for _, keys := range [][]string{{"A=m1", "B=m2"}, {"B=m2"}} {
		b.line(at, eventOpened, func() { b.number("format", format); b.number("records", uint64(len(keys))) })
		d := b.draft(iss, "corp", nil)
		b.now = at
		for _, k := range keys {
			b.record(d, inForce(k), "", keyset.Tally{})
		}
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(b.b), "\n"), "\n")
	for name, text := range map[string]string{
		"behind": strings.Join(lines[3:], "") + "\n" + strings.Join(lines[:3], ""),
		"before": strings.Join(lines[:3], "") + "no line\n" + strings.Join(lines[3:], "") + "\n",
	} {
		d := newDisk()
		d.write(fileName, text)
		set := d.salvage(t).Restored()[0].Set
		if _, known := set.Lookup("A"); known {
			t.Errorf("%s: a key that was forgotten is back", name)
		}
		if k, known := set.Lookup("B"); !known || k.State(at) != keyset.Active {
			t.Errorf("%s: %v", name, k)
		}
	}
}

func inForce(name string) *keyset.Key {
	k := listed(name)
	kid, _, _ := strings.Cut(name, "=")
	return &keyset.Key{
		Thumbprint: k.Thumbprint, Public: k.Public, JWK: k.JWK, Aliases: []keyset.Alias{{Kid: kid, FirstSeen: noon, LastSeen: noon}},
		FirstSeen: noon, LastSeen: noon, Told: keyset.Active,
	}
}
