package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// TestMain lets this binary be one of the servers beside the guard, as the command
// does.
func TestMain(m *testing.M) {
	if ran, err := play(os.Args[1:]); ran {
		exit(err)
	}
	os.Exit(m.Run())
}

// TestEveryPartIsMeasured runs each as short as can be. The figures mean nothing
// then; that there are some, and that nothing but allows was counted, does.
func TestEveryPartIsMeasured(t *testing.T) {
	p := plan{
		rounds: 1, length: 50 * time.Millisecond, tokens: 20, issuers: 3, keys: 2, tombstones: 10,
		idle: 50 * time.Millisecond, tries: 3,
	}
	binary, err := harness.BuildGuard(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{
		"direct":     {"(a) empty server", "(b) floor", "(c) the floor", "jwtguard, warm |", "warm, among cold ones", "cold RS256", "cold ES256", "cold EdDSA", "bare RS256 check", "warm / (a), throughput", "warm / (c), throughput", "Resident memory"},
		"envoy":      {"no filter", "jwt_authn RS256 |", "jwt_authn ES256, jwt_cache_config", "ext_authz, empty server", "ext_authz, the guard's answer", "jwtguard warm over TCP", "jwtguard cold RS256", "jwtguard warm / jwt_authn ES256 |"},
		"scale":      {"1 issuer, 1 key, warm", "10 keys out of service, cold", "3 issuers, 2 keys each, warm", "Refreshes of 3 issuers", "p99 at half load", "CPU of a refresh"},
		"telemetry":  {"everything off", "metrics / everything off", "OTLP with 1 % of spans", "checks came as spans", "6 keys of 3 issuers"},
		"revocation": {"from the order to the first refusal", "No check that began after the answer was allowed"},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			if part.name == "envoy" {
				harnesstest.EnvoyBinary(t)
			}
			page := &page{out: new(bytes.Buffer)}
			if err := part.run(t.Context(), page, p, binary); err != nil {
				t.Fatal(err)
			}
			mentions(t, page.out.(*bytes.Buffer), append(lines[part.name], "|---|")...)
		})
	}
}

// TestAPlanThatCannotBeMeasuredIsRefused before anything is built.
func TestAPlanThatCannotBeMeasuredIsRefused(t *testing.T) {
	for want, change := range map[string]func(*plan){
		`there is no part "driect": choose from direct,envoy,scale,telemetry,revocation`: func(p *plan) { p.only = []string{"driect"} },
		"-rounds must be at least 1": func(p *plan) { p.rounds = 0 },
		"-time at least 50ms":        func(p *plan) { p.length = time.Millisecond },
		"-settle not negative":       func(p *plan) { p.settle = -time.Second },
	} {
		p := quickPlan
		change(&p)
		if err := p.run(t.Context(), new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, and not %s", err, want)
		}
	}
}

// TestChecksThatWereNotWhatTheyOughtToBeAreAnError: a token that was refused, a warm
// one that was not in the token cache, a cold one that was, a cold one sent twice.
func TestChecksThatWereNotWhatTheyOughtToBeAreAnError(t *testing.T) {
	key, stranger := devissuer.NewKey("key", "ES256"), devissuer.NewKey("key", "ES256")
	s, err := newStage("", 1, func(int) []*devissuer.Key { return []*devissuer.Key{key} })
	defer s.strike()
	if err != nil {
		t.Fatal(err)
	}
	at, err := s.newPost("guard")
	if err != nil {
		t.Fatal(err)
	}
	guard, err := s.startGuard(t.Context(), at, trust{issuers: s.issuers, policies: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer guard.stop()
	for _, tt := range []struct {
		name string
		key  *devissuer.Key
		want cached
		once bool
		err  string
	}{
		{"good warm tokens", key, hit, false, ""},
		{"a forged token", stranger, hit, false, "denied"},
		{"a warm token taken for a cold one", key, miss, false, "as a hit, and not 0"},
		{"a cold token sent twice", key, miss, true, "all 20 different requests have been sent"},
	} {
		tokens := mint(10, signer{s.issuers[0], tt.key})
		requests, err := warmRequests(tokens)
		if tt.once {
			requests, err = coldRequests(tokens, 2)
		}
		if err != nil {
			t.Fatal(err)
		}
		target := directTo(at.authz, requests, guard, false)
		target.watch = watchCache(t.Context(), at.metrics, tt.want)
		if tt.once {
			target.warmUp = 0
		}
		_, err = target.measure(t.Context(), plan{length: 50 * time.Millisecond})
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: the error is %v, and not %q", tt.name, err, tt.err)
		}
		if err := target.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPageIsPutBetweenItsLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	for _, tt := range []struct{ before, after, err string }{
		{"a\n<!-- x -->\nold\n<!-- end of x -->\nb\n", "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n", ""},
		{"<!-- end of x -->\n<!-- x -->\n", "<!-- end of x -->\n<!-- x -->\n", "there must be a line"},
		{"a\n", "a\n", "there must be a line"},
	} {
		if err := os.WriteFile(file, []byte(tt.before), 0o600); err != nil {
			t.Fatal(err)
		}
		err := insert(file, "x", []byte("new\n"))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q: %v", tt.before, err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != tt.after {
			t.Errorf("%q became %q: %v", tt.before, got, err)
		}
	}
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

// The profile that the guard is compiled by names functions, and nobody's folders.
func TestProfileSaysNothingOfTheMachine(t *testing.T) {
	kept, err := os.ReadFile("../../cmd/jwtguard/default.pgo")
	if err != nil {
		t.Fatal(err)
	}
	clean, err := withoutPaths(kept)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := withoutPaths(clean); err != nil || !bytes.Equal(clean, again) {
		t.Error("a clean profile is changed", err)
	}
	if !bytes.Equal(unzipped(t, kept), unzipped(t, clean)) {
		t.Error("cmd/jwtguard/default.pgo holds paths: make pgo writes none")
	}
}

func unzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
