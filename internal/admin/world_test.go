package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// strange is the thumbprint of no key.
var strange = strings.Repeat("A", 43)

// world is a guard that carries out orders, at noon, and an API in front of it.
type world struct {
	api *API

	durable func(context.Context) error // of each order; nil: it is written down
	fails   error                       // of each order
	kept    error
	refetch func(ctx context.Context, issuer string) (result, detail string, due time.Time, err error)
	pinned  map[string]string // places by kid
	past    [][]byte          // lines of the ledger

	mu       sync.Mutex
	sets     []IssuerKeys
	orders   []keyset.Order // carried out
	refusals []Refusal
	denied   map[verify.Reason]uint64 // requests
}

func newWorld(t *testing.T, sets ...IssuerKeys) *world {
	t.Helper()
	w := &world{sets: sets, pinned: map[string]string{}, denied: map[verify.Reason]uint64{}}
	w.serve(t, Config{})
	return w
}

// serve puts an API in front, with these settings.
func (w *world) serve(t *testing.T, cfg Config) {
	t.Helper()
	cfg.Guard, cfg.Orders = w, w
	cfg.Feed = NewFeed(w, func() map[verify.Reason]uint64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		return maps.Clone(w.denied)
	}, w.past)
	readiness := NewReadiness(func() []Issuer {
		return []Issuer{{Issuer: "corp", Usable: true, UsableOnce: true, Reason: "10.0.0.7 says so"}}
	})
	cfg.Probes, cfg.Brief = Probes(readiness, http.NotFoundHandler()), Probes(readiness.Brief(), http.NotFoundHandler())
	cfg.Kept = func() error { return w.kept }
	cfg.Pinned = func(_ string, k *keyset.Key) (string, bool) {
		where, ok := w.pinned[k.Kid()]
		return where, ok
	}
	cfg.Record = func(r Refusal) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.refusals = append(w.refusals, r)
	}
	var err error
	if w.api, err = New(cfg); err != nil {
		t.Fatal(err)
	}
}

// refused counts requests.
func (w *world) refused(reason verify.Reason, n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.denied[reason] += n
}

func (w *world) KeySets() ([]IssuerKeys, keyset.Instant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sets), at(0)
}

func (w *world) Order(_ context.Context, issuer string, o keyset.Order, admit func(*keyset.Set, keyset.Instant) error) (bool, func(context.Context) error, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := slices.IndexFunc(w.sets, func(i IssuerKeys) bool { return i.Issuer == issuer })
	if err := admit(w.sets[n].Set, at(0)); err != nil {
		return false, nil, err
	}
	if w.fails != nil {
		return false, nil, w.fails
	}
	next, events, err := w.sets[n].Set.Apply(o, at(0))
	if err != nil {
		return false, nil, err
	}
	w.sets[n].Set = next
	w.orders = append(w.orders, o)
	durable := w.durable
	if durable == nil {
		durable = func(context.Context) error { return nil }
	}
	return len(events) > 0, durable, nil
}

func (w *world) Refetch(ctx context.Context, issuer string) (result, detail string, due time.Time, err error) {
	return w.refetch(ctx, issuer)
}

func (w *world) set(issuer string) *keyset.Set {
	sets, _ := w.KeySets()
	return sets[slices.IndexFunc(sets, func(i IssuerKeys) bool { return i.Issuer == issuer })].Set
}

// seen gives the refusals that were recorded, and forgets them.
func (w *world) seen() []Refusal {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.refusals
	w.refusals = nil
	return seen
}

// request is one by the user 1000, over the unix socket.
func request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r.WithContext(context.WithValue(r.Context(), userKey{}, "uid:1000"))
}

// answer is what came back, with all members that an answer may have.
type answer struct {
	Status    int
	Header    http.Header
	Changed   bool
	InForce   bool `json:"in_force"`
	Durable   bool
	Keys      []Key
	Detail    string
	Title     string
	Result    string
	Due       *time.Time
	Force     bool       `json:"force_would_do"`
	LastUsed  *time.Time `json:"last_used"`
	UsedUntil *time.Time `json:"used_until"`
	Prints    []string   `json:"thumbprints"`
	Issuers   []string

	OtherIssuers []string `json:"other_issuers"`
}

func (w *world) do(t *testing.T, r *http.Request) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	a := answer{}
	decode(t, rec.Body.String(), &a)
	if want := map[bool]string{true: problemType, false: jsonType}[rec.Code >= 400]; rec.Header().Get("Content-Type") != want || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d: %v", rec.Code, rec.Header())
	}
	if rec.Code >= 400 && a.Status != rec.Code {
		t.Errorf("status is %d in the answer, and %d above it", a.Status, rec.Code)
	}
	a.Status, a.Header = rec.Code, rec.Header()
	return a
}

// order gives an order as the user 1000; path begins with the issuer.
func (w *world) order(t *testing.T, path, body string) answer {
	t.Helper()
	return w.do(t, request("POST", "/api/v1/keys/"+path, body))
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(v); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
}

// settings are those of the issuers of these tests.
var settings = keyset.Params{Interval: 5 * time.Minute, MaxStale: 4 * time.Hour, Grace: time.Hour, RemovalConfirm: 30 * time.Second}

// fitsOnly are settings under which no other key than this one fits.
func fitsOnly(kid string) keyset.Params {
	p := settings
	p.Fits = func(k *keyset.Key) bool { return k.Kid() == kid }
	return p
}

// corp is an issuer with these keys, an hour old.
func corp(t *testing.T, kids ...string) IssuerKeys {
	t.Helper()
	var keys []devissuer.JWK
	for _, kid := range kids {
		keys = append(keys, keyOf(kid).JWK())
	}
	return IssuerKeys{Issuer: "corp", Set: observe(t, keyset.New(settings), at(-time.Hour), keys...), Skew: time.Minute, Grace: time.Hour}
}

// state is the state of a key now.
func (w *world) state(t *testing.T, kid string) keyset.State {
	t.Helper()
	ref, ok := w.set("corp").Lookup(kid)
	if !ok {
		t.Fatalf("no key %s", kid)
	}
	return ref.State(at(0))
}
