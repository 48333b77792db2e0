package model

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// invariants are the six of section 3, looked at without the model where that can
// be done.
type invariants struct {
	buried []map[string]string // by issuer and thumbprint: the durable order that put it out of service
	from   []int               // by issuer: requests before the guard started

	mu      sync.Mutex // guards fetches
	fetches []searched // since the guard started
}

func newInvariants() *invariants {
	return &invariants{buried: []map[string]string{{}, {}}, from: make([]int, len(issuers))}
}

// started begins a new life of the guard.
func (v *invariants) started(w *world) {
	for i, o := range w.origins {
		v.from[i] = o.count()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fetches = nil
}

// searched is a fetch that an unknown kid asked for.
type searched struct {
	issuer string
	at     time.Time
}

func (v *invariants) fetched(f jwkscache.Fetch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if f.Cause == jwkscache.CauseUnknownKid {
		v.fetches = append(v.fetches, searched{f.Issuer, time.Now().Add(-f.Took)})
	}
}

// acknowledge notes an order that is durable: it is in force for ever, whatever
// happens.
func (v *invariants) acknowledge(w *world, iss int, c command) {
	for _, thumb := range w.models[iss].named(c) {
		switch {
		case c.action == revoke:
			for i := range v.buried {
				v.buried[i][thumb] = c.String()
			}
		case c.action == retire && c.grace == 0:
			v.buried[iss][thumb] = c.String()
		}
	}
}

// doubt notes that a retirement was, or may have been, undone.
func (v *invariants) doubt(iss int, c command, named []string) {
	if c.action == reinstate {
		for _, thumb := range named {
			delete(v.buried[iss], thumb)
		}
	}
}

// named are the thumbprints that an order names.
func (m *issuer) named(c command) []string {
	if c.key != nil {
		return []string{c.key.thumb}
	}
	var all []string
	for _, r := range m.targets(c) {
		all = append(all, r.thumb)
	}
	return all
}

// decided checks what must hold of every decision; used is by how much it moved the
// uses of all keys.
func (v *invariants) decided(w *world, iss int, p passport, d verify.Decision, used uint64) error {
	// 4. Every allow is attributed to exactly one key.
	if want := map[bool]uint64{true: 1}[d.OK()]; used != want {
		return fmt.Errorf("invariant 4: the decision %s was counted for %d keys", d.Reason, used)
	}
	if !d.OK() {
		return nil
	}
	// 1. A signature by a key whose state permits it.
	if d.Key == nil || d.Key.Thumbprint != p.key.thumb || p.forged || !d.State.Usable() {
		return fmt.Errorf("invariant 1: a token of %s was allowed by another key, or by none", p.key.label)
	}
	// 2. Nothing that is out of service for ever.
	if order, is := v.buried[iss][p.key.thumb]; is {
		return fmt.Errorf("invariant 2: a token of %s was allowed after %s was acknowledged", p.key.label, order)
	}
	// 3. No fault widens trust.
	m, now := w.models[iss], w.now()
	if age := max(now.life-m.observed.life, now.wall-m.observed.wall); age > m.params.maxStale {
		return fmt.Errorf("invariant 3: a token was allowed by an observation that is %s old", age)
	}
	return nil
}

// mostOften is the budget of invariant 5; no interval of a schedule is shorter.
const mostOften = 10 * time.Second

// spacing is invariant 5: how often each issuer was asked.
func (v *invariants) spacing(w *world) error {
	for i, o := range w.origins {
		var asked []time.Time
		o.set(func() { asked = slices.Clone(o.asked[v.from[i]:]) })
		for n := 1; n < len(asked); n++ {
			if gap := asked[n].Sub(asked[n-1]); gap < mostOften {
				return fmt.Errorf("invariant 5: %s was asked again after %s", issuerNames[i], gap)
			}
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	last := map[string]time.Time{}
	for _, f := range v.fetches {
		if at, again := last[f.issuer]; again && f.at.Sub(at) < cooldown {
			return fmt.Errorf("invariant 5: unknown kids had %s asked again after %s", f.issuer, f.at.Sub(at))
		}
		last[f.issuer] = f.at
	}
	return nil
}

// final has every name judged at the end of a schedule: with the key that it means,
// and with another one.
func (w *world) final() error {
	for iss := range issuers {
		for i, kid := range kids {
			for _, key := range materials() {
				r := w.models[iss].names[kid]
				if r == nil || r.thumb != key.thumb && key != materials()[i%4] {
					continue // signatures by the other keys take long, and tell no more
				}
				p := passport{key: key, kid: kid, iat: w.wall.now().Add(-10 * time.Second).Unix(), exp: w.wall.now().Add(time.Hour).Unix()}
				if err := w.judge(iss, p); err != nil {
					return err
				}
			}
		}
	}
	return w.verifyLedger()
}

// verifyLedger is the other half of invariant 6: the chain of the file holds.
func (w *world) verifyLedger() error {
	if w.disk.dead() {
		return nil // the next start would repair it first
	}
	for line, err := range ledger.Verify(bytes.NewReader(w.disk.read(stateDir + "/ledger.jsonl"))) {
		if err != nil {
			return fmt.Errorf("invariant 6: after line %d: %w", line.Number, err)
		}
	}
	return nil
}
