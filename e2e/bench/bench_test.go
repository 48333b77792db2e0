package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// TestMain lets this binary be the empty server, as the command does.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == emptyServer {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestTheBenchmarkMeasuresEverything runs it as short as can be. Its figures mean
// nothing then; that there are some, and that every check was allowed, does.
func TestTheBenchmarkMeasuresEverything(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), &out, 1, 100*time.Millisecond, 0, 3); err != nil {
		t.Fatal(err)
	}
	mentions(t, &out, emptyName, "bare RS256 check",
		guard{issuers: 1}.name("RS256"), guard{issuers: 1, state: true}.name("RS256"), guard{issuers: 3}.name("ES256"),
		"With a state_dir / without one", "3 issuers of 5 keys")
}

// TestOrdersAreMeasured is the same about orders: each was answered as durable, and
// no token of a revoked key passed after it; each start began with an allow.
func TestOrdersAreMeasured(t *testing.T) {
	var out bytes.Buffer
	p := orderPlan{rounds: 2, issuers: 3, tries: 20, tombstones: 30, events: 500}
	if err := p.run(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	mentions(t, &out, "the disk alone", "1 issuer, one by one", "3 issuers, 32 at once",
		"refused", "order answered: durable", "30 tombstones, 500 events", "bytes a key and a day")
}

func mentions(t *testing.T, out *bytes.Buffer, parts ...string) {
	t.Helper()
	for _, want := range parts {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line about %q in:\n%s", want, out)
		}
	}
}

func TestAPastHasTheTombstonesAndEventsThatItShould(t *testing.T) {
	past, err := newPast(30)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := past.write(t.Context(), dir, 30, 500); err != nil {
		t.Fatal(err)
	}
	s, err := newScribe(t.Context(), dir, wallClock)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	final, usable := 0, 0
	for _, r := range s.Restored() {
		for _, k := range r.Set.Keys() {
			if k.Final {
				final++
			}
			if k.State(wallClock()).Usable() {
				usable++
			}
		}
	}
	if final != 30 || usable != pastIssuers*liveKeys {
		t.Errorf("%d tombstones and %d usable keys", final, usable)
	}
	// What closing adds comes on top.
	if lines := s.Status().Sequence; lines < 500 || lines > 505 {
		t.Errorf("%d lines", lines)
	}
}

// TestADayOfLedgerIsWhatItWrites lets the ledger write a day by its own timers.
func TestADayOfLedgerIsWhatItWrites(t *testing.T) {
	dir := t.TempDir()
	reckoned, err := newDay(t.Context(), filepath.Join(dir, "reckoned"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := usualDocument()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(123456789 * time.Nanosecond) // times are as long as they usually are
		s, err := newScribe(t.Context(), filepath.Join(dir, "written"), wallClock)
		if err != nil {
			t.Fatal(err)
		}
		start := wallClock()
		c := keyset.Change{Issuer: "https://issuer.example.com", Name: "corp", Set: keyset.New(keyset.Params{})}
		for time.Since(start.Wall) <= day {
			now := wallClock()
			c.Set, c.Events = c.Set.Observe(doc, now, now)
			if err := s.keep(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			for _, k := range c.Set.Keys() {
				use(k, now.Wall, time.Minute)
			}
			time.Sleep(refreshEvery)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(dir, "written", "ledger.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		written := int64(0)
		for l, err := range ledger.Verify(f) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Life.After(start.Life) && !l.Life.After(start.Life.Add(day)) && (l.Event == "observed" || l.Event == "usage") {
				written += int64(len(l.Text) + 1)
			}
		}
		if got, want := reckoned.perKey(true), written/int64(len(doc.Keys)); got < want*99/100 || got > want*101/100 {
			t.Errorf("reckoned %d bytes a key and a day, written %d", got, want)
		}
	})
}
