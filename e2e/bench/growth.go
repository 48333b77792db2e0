package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// refreshEvery is the default of jwks.interval.
	refreshEvery = 5 * time.Minute
	// usageEvery is how often the ledger writes what was counted for a key.
	usageEvery = 5 * time.Minute
	day        = 24 * time.Hour
)

// dayOfLedger is what the ledger takes of one issuer in a day in which nothing
// happens to its keys.
type dayOfLedger struct {
	keys     int
	observed int64 // bytes, of the issuer
	usage    int64 // bytes, of one key in constant use
}

// perKey are the bytes of a key and a day, used or not.
func (d dayOfLedger) perKey(used bool) int64 {
	if !used {
		return d.observed / int64(d.keys)
	}
	return d.observed/int64(d.keys) + d.usage
}

func (p orderPlan) growth(ctx context.Context, out io.Writer, s *stage) error {
	say("growth of the ledger")
	d, err := newDay(ctx, s.file("growth"))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nGrowth of the ledger, of an issuer of %d ES256 keys that stay, observed every %v, by lines as they are written:\n", d.keys, refreshEvery)
	fmt.Fprintf(out, "  %6d bytes a key and a day if no token comes (observed lines)\n", d.perKey(false))
	fmt.Fprintf(out, "  %6d bytes a key and a day if tokens come all the time (and a usage line every %v)\n", d.perKey(true), usageEvery)
	return nil
}

// newDay has the ledger write a day of observations, in simulated time, and one
// usage line of each key; of those there are as many as five minutes in a day.
func newDay(ctx context.Context, dir string) (d dayOfLedger, err error) {
	start := wallClock()
	var clock atomic.Pointer[keyset.Instant]
	clock.Store(&start)
	s, err := newScribe(ctx, dir, func() keyset.Instant { return *clock.Load() })
	if err != nil {
		return d, err
	}
	doc, err := usualDocument()
	if err == nil {
		err = observeADay(ctx, s, &clock, doc)
	}
	if err = errors.Join(err, s.close()); err != nil {
		return d, err
	}
	f, err := os.Open(filepath.Join(dir, "ledger.jsonl"))
	if err != nil {
		return d, err
	}
	defer f.Close()
	d.keys = len(doc.Keys)
	for l, err := range ledger.Verify(f) {
		if err != nil {
			return d, err
		}
		switch size := int64(len(l.Text) + 1); {
		case l.Event == "observed" && l.Life.After(start.Life):
			d.observed += size
		case l.Event == "usage":
			d.usage += size * int64(day/usageEvery) / int64(d.keys)
		}
	}
	return d, nil
}

// usualDocument lists two keys.
func usualDocument() (keyset.Document, error) {
	return jose.ReadKeys(devissuer.Document(devissuer.NewKey("2026-10-a", "ES256").JWK(), devissuer.NewKey("2026-11-a", "ES256").JWK()))
}

// observeADay has the issuer observed for a day, and its keys used at the end.
func observeADay(ctx context.Context, s *scribe, clock *atomic.Pointer[keyset.Instant], doc keyset.Document) error {
	c := keyset.Change{Issuer: "https://issuer.example.com", Name: "corp", Set: keyset.New(keyset.Params{})}
	start := *clock.Load()
	for passed := time.Duration(0); passed <= day; passed += refreshEvery {
		at := keyset.Instant{Wall: start.Wall.Add(passed), Life: start.Life.Add(passed)}
		clock.Store(&at)
		c.Set, c.Events = c.Set.Observe(doc, at, at)
		if err := s.keep(ctx, c); err != nil {
			return err
		}
	}
	for _, k := range c.Set.Keys() {
		use(k, clock.Load().Wall, usageEvery)
	}
	return nil
}

// use counts tokens of an hour for a key, 100 a second for so long.
func use(k *keyset.Key, now time.Time, length time.Duration) {
	for range 100 * int(length/time.Second) {
		k.Allow(now, now.Add(time.Hour), now)
	}
}
