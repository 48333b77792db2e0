package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// dir is where the ledgers of tests are, on a disk in memory.
const dir = "/state"

// listed is a key as a document lists it: "A=m1/n1" has kid A, material m1 and the
// modulus n1.
func listed(key string) keyset.Listed {
	kid, material, _ := strings.Cut(key, "=")
	name, modulus, _ := strings.Cut(material, "/")
	public := make(ed25519.PublicKey, ed25519.PublicKeySize)
	copy(public, name)
	jwk, _ := json.Marshal(map[string]string{"material": material})
	return keyset.Listed{Kid: kid, Thumbprint: "thumbprint-of-" + name, Modulus: modulus, Public: public, JWK: jwk}
}

// readKey reads the JWKs of listed.
func readKey(jwk []byte) (keyset.Listed, error) {
	var m map[string]string
	if err := json.Unmarshal(jwk, &m); err != nil {
		return keyset.Listed{}, err
	}
	l := listed("=" + m["material"])
	if !bytes.Equal(l.JWK, jwk) {
		return l, errors.New("not canonical")
	}
	return l, nil
}

func document(keys ...string) keyset.Document {
	var doc keyset.Document
	for _, k := range keys {
		doc.Keys = append(doc.Keys, listed(k))
	}
	return doc
}

// config is that of a ledger on the disk.
func (d *disk) config() Config {
	return Config{Dir: dir, Guard: "edge-1", Version: "v1.2.3", ReadKey: readKey, Files: d.process()}
}

// open opens the ledger on the disk.
func (d *disk) open(t *testing.T) *Ledger {
	t.Helper()
	return openBy(t, d.config())
}

// salvage opens the ledger on the disk, and accepts the loss of what cannot be read.
func (d *disk) salvage(t *testing.T) *Ledger {
	t.Helper()
	cfg := d.config()
	cfg.AcceptLoss = true
	return openBy(t, cfg)
}

func openBy(t *testing.T, cfg Config) *Ledger {
	t.Helper()
	l, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run starts the writer; stop ends it.
func run(t *testing.T, l *Ledger) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, clockFrom(l.Last())) }()
	return func() error {
		cancel()
		return <-ended
	}
}

const iss = "https://issuer.example.com"

// life plays what happens to the keys of one issuer.
type life struct {
	*rand.Rand
	set    *keyset.Set
	clock  func() keyset.Instant
	newest keyset.Document
	kids   []string
}

var materials = []string{"m1/n1", "m2/n1", "m3/n2", "m4/n2", "m5", "m6"}

func newLife(seed uint64, clock func() keyset.Instant) *life {
	return &life{Rand: rand.New(rand.NewPCG(seed, 7)), clock: clock, kids: []string{"A", "B", "C", "D"}, set: keyset.New(keyset.Params{
		Interval: 5 * time.Minute, MaxStale: time.Hour, Grace: 10 * time.Minute, RemovalConfirm: time.Minute,
	})}
}

func (l *life) kid() string      { return l.kids[l.IntN(len(l.kids))] }
func (l *life) material() string { return materials[l.IntN(len(materials))] }

// turn is the next thing that happens. The set changes once it is taken.
func (l *life) turn() (next *keyset.Set, events []keyset.Event) {
	now := l.clock()
	switch n := l.IntN(20); {
	case n < 12:
		return l.observe(now)
	case n < 16:
		o := keyset.Order{
			Action: []keyset.Action{keyset.Retire, keyset.Retire, keyset.Revoke, keyset.Reinstate}[l.IntN(4)],
			Grace:  time.Duration(l.IntN(20)) * time.Minute, Reason: "because\u2028 \"so\"", Actor: "alice",
		}
		if l.IntN(3) > 0 {
			o.Kid = l.kid()
		}
		if o.Kid == "" || l.IntN(3) == 0 {
			k := listed("=" + l.material())
			o.Thumbprint, o.Modulus = k.Thumbprint, k.Modulus
		}
		if l.IntN(3) == 0 {
			o.At = now.Life.Add(time.Duration(l.IntN(60)-30) * time.Minute)
		}
		next, events, _ = l.set.Apply(o, now)
		return next, events
	case n < 17:
		p := l.set.Params()
		p.Grace = time.Duration(l.IntN(20)) * time.Minute
		p.ReplaceReused = !p.ReplaceReused
		return l.set.WithParams(p), nil
	case n < 18:
		k := listed("=" + l.material())
		return l.set.Distrust(k.Thumbprint, k.Modulus, "elsewhere", now)
	}
	return l.set.Advance(now)
}

func (l *life) observe(now keyset.Instant) (*keyset.Set, []keyset.Event) {
	doc := keyset.Document{Keys: slices.Clone(l.newest.Keys)}
	for range l.IntN(3) {
		switch n := l.IntN(10); {
		case n == 0:
			doc.Keys = nil
		case n < 5 && len(doc.Keys) > 0:
			i := l.IntN(len(doc.Keys))
			doc.Keys = slices.Delete(doc.Keys, i, i+1)
		default:
			k := listed(l.kid() + "=" + l.material())
			if l.IntN(6) == 0 {
				k.NotBefore = now.Life.Add(time.Duration(l.IntN(30)) * time.Minute).Truncate(time.Second)
			}
			if l.IntN(6) == 0 {
				k.Alg, k.Expires = "EdDSA", now.Life.Add(time.Duration(l.IntN(200))*time.Minute).Truncate(time.Second)
			}
			doc.Keys = append(doc.Keys, k)
		}
	}
	if l.IntN(25) == 0 {
		k := listed(l.kid() + "=" + l.material())
		doc.Skipped = append(doc.Skipped, keyset.Skipped{Kid: k.Kid, Reason: keyset.SkipPrivate, Thumbprint: k.Thumbprint, Modulus: k.Modulus})
	}
	l.newest = doc
	return l.set.Observe(doc, now, now)
}

// change is a turn as a ledger is told of it.
func change(set *keyset.Set, events []keyset.Event) keyset.Change {
	return keyset.Change{Issuer: iss, Name: "corp", Set: set, Events: events}
}

// sameRecords compares records, but for when they were seen last and their usage.
var sameRecords = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool {
		name := p.Last().String()
		return name == ".LastSeen" || name == ".Usage"
	}, cmp.Ignore()),
	cmpopts.EquateEmpty(),
}

// restored gives the records of the issuer, and fails if anything was seen later
// than in any of the sets that may be the truth.
func restored(t *testing.T, l *Ledger, truth ...*keyset.Set) []*keyset.Key {
	t.Helper()
	var keys []*keyset.Key
	for _, r := range l.Restored() {
		if r.Issuer == iss {
			keys = r.Set.Keys()
		}
	}
	newest := map[string]time.Time{}
	see := func(name string, at time.Time) {
		if newest[name].Before(at) {
			newest[name] = at
		}
	}
	for _, s := range truth {
		for _, k := range s.Keys() {
			see(fmt.Sprint(identOf(k)), k.LastSeen)
			for _, a := range k.Aliases {
				see(fmt.Sprint(identOf(k), a.Kid), a.LastSeen)
			}
		}
	}
	check := func(name string, at time.Time) {
		if at.After(newest[name]) {
			t.Errorf("%s was seen last at %v, and was at %v", name, at, newest[name])
		}
	}
	for _, k := range keys {
		check(fmt.Sprint(identOf(k)), k.LastSeen)
		for _, a := range k.Aliases {
			check(fmt.Sprint(identOf(k), a.Kid), a.LastSeen)
		}
	}
	return keys
}

func want(t *testing.T, got []*keyset.Key, truth *keyset.Set) {
	t.Helper()
	if d := cmp.Diff(truth.Keys(), got, sameRecords); d != "" {
		t.Errorf("the records are others (-then +now):\n%s", d)
	}
}
