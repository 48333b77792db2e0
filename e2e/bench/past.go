package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// pastIssuers share the tombstones: there is a bound for one issuer.
	pastIssuers = 2
	// liveKeys of each are in service.
	liveKeys = 2
	// eventsAtOnce stays below what the ledger lets wait.
	eventsAtOnce = 5_000
)

// scribe writes a ledger by its own means.
type scribe struct {
	*ledger.Ledger
	stop context.CancelFunc
	ends chan error
}

// newScribe begins a ledger that is never rotated.
func newScribe(ctx context.Context, dir string, clock func() keyset.Instant) (*scribe, error) {
	l, err := ledger.Open(ctx, ledger.Config{Dir: dir, Guard: "bench", Version: "bench", ReadKey: jose.ReadMaterial, RotateAt: math.MaxInt64})
	if err != nil {
		return nil, err
	}
	s := &scribe{Ledger: l, ends: make(chan error, 1)}
	ctx, s.stop = context.WithCancel(ctx)
	go func() { s.ends <- l.Run(ctx, clock) }()
	return s, nil
}

// close ends the ledger as a guard does that stops.
func (s *scribe) close() error {
	s.stop()
	return <-s.ends
}

// keep writes a change, and waits until it is durable.
func (s *scribe) keep(ctx context.Context, c keyset.Change) error { return s.Record(c)(ctx) }

func wallClock() keyset.Instant {
	now := time.Now().Round(0).UTC()
	return keyset.Instant{Wall: now, Life: now}
}

// past is what a guard may find in its state_dir: issuers that do not answer any
// more, with keys in service that were observed just now, and others out of it.
type past struct {
	issuers []*devissuer.Issuer
	keys    []*devissuer.Key // in service; those of issuer i from i × liveKeys on
	gone    []*keyset.Key
}

func newPast(tombstones int) (*past, error) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &past{}
	for i := range pastIssuers {
		p.issuers = append(p.issuers, devissuer.New(fmt.Sprintf("https://%s/%d", closed.Addr(), i)))
		for j := range liveKeys {
			p.keys = append(p.keys, devissuer.NewKey(fmt.Sprintf("live-%d", j), "ES256"))
		}
	}
	at := wallClock().Life.AddDate(0, -1, 0)
	for i := range tombstones {
		k, err := tombstone(fmt.Sprintf("gone-%d", i), at.Add(time.Duration(i)*time.Minute))
		if err != nil {
			return nil, err
		}
		p.gone = append(p.gone, k)
	}
	return p, closed.Close()
}

// tombstone is the record of a key that its issuer withdrew: RSA of 2048 bits, the
// largest that is usual. Nobody has the private key.
func tombstone(kid string, seen time.Time) (*keyset.Key, error) {
	modulus := make([]byte, 256)
	rand.Read(modulus)
	modulus[0] |= 0x80
	modulus[255] |= 1
	doc, err := jose.ReadKeys(devissuer.Document(devissuer.JWK{
		"kty": "RSA", "kid": kid, "alg": "RS256", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(modulus),
	}))
	if err != nil || len(doc.Keys) != 1 {
		return nil, fmt.Errorf("a made key cannot be read: %v, %w", doc.Skipped, err)
	}
	l, left := doc.Keys[0], seen.Add(24*time.Hour)
	departure := keyset.Departure{LeftAt: left, GraceFrom: left.Add(10 * time.Minute), GraceUntil: left.Add(time.Hour), Confirmed: true}
	return &keyset.Key{
		Thumbprint: l.Thumbprint, Modulus: l.Modulus, Alg: l.Alg, Public: l.Public, JWK: l.JWK,
		Aliases:   []keyset.Alias{{Kid: kid, FirstSeen: seen, LastSeen: left, Departure: departure}},
		FirstSeen: seen, LastSeen: left, Departure: departure,
		RetiredAt: departure.GraceUntil, Final: true, Reason: "withdrawn by the issuer", Told: keyset.Retired,
	}, nil
}

// write makes a ledger with the first so many tombstones in dir, and lengthens it to
// the given number of lines by orders about them. Each of these lines holds the
// whole record, as that of any event that changes one.
func (p *past) write(ctx context.Context, dir string, tombstones, lines int) (err error) {
	s, err := newScribe(ctx, dir, wallClock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	changes := make([]keyset.Change, pastIssuers)
	for i, issuer := range p.issuers {
		var listed []devissuer.JWK
		for _, k := range p.keys[i*liveKeys : (i+1)*liveKeys] {
			listed = append(listed, k.JWK())
		}
		doc, err := jose.ReadKeys(devissuer.Document(listed...))
		if err != nil {
			return err
		}
		now := wallClock()
		set, events := keyset.New(keyset.Params{}).Observe(doc, now, now)
		c := keyset.Change{Issuer: issuer.URL, Name: issuerName(i), Set: set, Events: events}
		if err := s.keep(ctx, c); err != nil {
			return err
		}
		gone := p.gone[i*tombstones/pastIssuers : (i+1)*tombstones/pastIssuers]
		c.Set, c.Events = keyset.Restore(now, slices.Concat(set.Keys(), gone)), nil
		if err := s.keep(ctx, c); err != nil {
			return err
		}
		changes[i] = c
	}
	for turn := 0; s.Status().Sequence < uint64(lines); turn++ {
		n := min(eventsAtOnce, lines-int(s.Status().Sequence))
		c := &changes[turn%pastIssuers]
		c.Set, c.Events = ordered(c.Set, n)
		if err := s.keep(ctx, *c); err != nil {
			return err
		}
	}
	return nil
}

// ordered is the set after so many orders about keys that are out of service.
func ordered(set *keyset.Set, n int) (*keyset.Set, []keyset.Event) {
	keys, now := slices.Clone(set.Keys()), wallClock()
	events := make([]keyset.Event, n)
	for i := range events {
		j := liveKeys + i%(len(keys)-liveKeys)
		k := *keys[j]
		k.Reason, k.Actor = fmt.Sprintf("ticket %d", i), "uid:1000"
		keys[j] = &k
		events[i] = keyset.Event{Type: keyset.EventOrdered, Action: keyset.Retire, At: now, Kid: k.Kid(), Key: &k}
	}
	return keyset.Restore(set.Observed(), keys), events
}
