package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// start is when every story begins: in a bubble of synctest, always the same.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const issuerName, issuerID = "corp", "https://idp.test"

// world is the keys of an issuer, policies, and a Telemetry that observes them.
type world struct {
	t        testing.TB
	clock    *jwkscache.Clock
	keys     atomic.Pointer[keyset.Set]
	verifier *verify.Verifier
	*Telemetry

	recording        time.Time
	gone             bool   // the issuer is no more in the configuration
	sequence, errors uint64 // of the ledger
	metadata         map[string][]string

	mu  sync.Mutex
	out bytes.Buffer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: jwkscache.NewClock(nil, time.Time{}), sequence: 1}
	w.recording = w.clock.Now().Life
	w.keys.Store(keyset.New(keyset.Params{Interval: 5 * time.Minute, MaxStale: 4 * time.Hour, Grace: time.Hour, RemovalConfirm: 30 * time.Second}))
	var err error
	w.Telemetry, err = New(Config{
		Log:     slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Issuers: w.issuers,
		Ledger:  func() (uint64, uint64) { return w.sequence, w.errors },
		Metadata: func(_ context.Context, name string) []string {
			return w.metadata[name]
		},
		Guard: "guard-1", Version: "v1", Commit: "abc",
		TokenCache: func() (verify.CacheSize, bool) { return w.verifier.CacheSize() },
	})
	if err != nil {
		t.Fatal(err)
	}
	issuer := &verify.Issuer{
		Name: issuerName, ID: issuerID, Audiences: []string{"api"}, Algorithms: []string{"EdDSA", "ES256"}, Types: []string{"JWT"},
		ClockSkew: time.Minute, Keys: w,
	}
	w.verifier, err = verify.New([]*verify.Policy{
		{Name: verify.DefaultPolicy, Issuers: []*verify.Issuer{issuer}},
		{Name: "watched", Issuers: []*verify.Issuer{issuer}, Shadow: true, RequiredScopes: []string{"admin"}},
	}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Set makes it the cache of the issuer.
func (w *world) Set() *keyset.Set { return w.keys.Load() }

func (w *world) issuers() ([]Issuer, keyset.Instant) {
	if w.gone {
		return nil, w.clock.Now()
	}
	return []Issuer{{Name: issuerName, Set: w.Set(), LastSuccess: w.Set().Observed().Wall, Skew: time.Minute, Recording: w.recording}}, w.clock.Now()
}

// publish has the guard see a document of these keys.
func (w *world) publish(keys ...devissuer.JWK) {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		w.t.Fatal(err)
	}
	doc, err := jose.ReadKeys(body)
	if err != nil {
		w.t.Fatal(err)
	}
	now := w.clock.Now()
	w.take(w.Set().Observe(doc, now, now))
	w.Fetched(jwkscache.Fetch{Issuer: issuerName, Cause: jwkscache.CauseSchedule, Result: jwkscache.ResultOK, Start: now.Wall, Took: time.Millisecond, Keys: len(doc.Keys)})
}

// withdraw has two documents that lack what is not named here, as far apart as it
// takes.
func (w *world) withdraw(but ...devissuer.JWK) {
	w.publish(but...)
	time.Sleep(30 * time.Second)
	w.publish(but...)
}

// order carries out an order.
func (w *world) order(o keyset.Order) {
	w.t.Helper()
	set, events, err := w.Set().Apply(o, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	w.take(set, events)
}

// pass lets time pass, with the deadlines that fall due.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	w.take(w.Set().Advance(w.clock.Now()))
}

func (w *world) take(set *keyset.Set, events []keyset.Event) {
	w.keys.Store(set)
	w.Record(issuerName, events)
}

// Write makes it the end of a log.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(b)
}

func (w *world) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

// claims are those of a good token that lives for ten minutes.
func (w *world) claims() devissuer.Claims {
	return devissuer.StandardClaims(issuerID, "api", 10*time.Minute)
}

// check judges a token and has the decision observed.
func (w *world) check(policy, token string) verify.Decision {
	d := w.verifier.Decide(w.verifier.Policy(policy), token, w.clock.Now())
	w.Observe(w.t.Context(), &d, 75*time.Microsecond, "request-1")
	return d
}

// use accepts n tokens of a key.
func (w *world) use(kid string, n int) {
	w.t.Helper()
	for range n {
		if d := w.check(verify.DefaultPolicy, keyOf(kid).Token(w.claims())); !d.OK() {
			w.t.Fatalf("%s: %s: %s", kid, d.Reason, d.Detail)
		}
	}
}

// scrape gives the answer to a scrape.
func (w *world) scrape(accept string) string {
	w.t.Helper()
	r := httptest.NewRequest("GET", "/metrics", nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	a := httptest.NewRecorder()
	w.Handler().ServeHTTP(a, r)
	if a.Code != 200 {
		w.t.Fatalf("%d: %s", a.Code, a.Body)
	}
	if strings.Contains(w.log(), "metrics_incomplete") || strings.Contains(w.log(), "otel_error") {
		w.t.Fatal(w.log())
	}
	return a.Body.String()
}

// rows gives the rows of a scrape but for comments, the buckets and sums of
// histograms, what is built, and what is 0 all the time. Thumbprints are written as
// T(kid), and times as what has passed since the start.
func (w *world) rows() []string {
	w.t.Helper()
	var all []string
	for line := range strings.Lines(w.scrape("")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.Contains(line, "_bucket{") || strings.Contains(line, "_sum{") || strings.HasPrefix(line, "jwtguard_build_info") ||
			strings.HasPrefix(line, "jwtguard_config") || strings.HasPrefix(line, "jwtguard_token_cache") || strings.HasPrefix(line, "jwtguard_key_anomalies") && strings.HasSuffix(line, " 0") ||
			strings.HasPrefix(line, "jwtguard_jwks_refreshes") && strings.HasSuffix(line, " 0") {
			continue
		}
		all = append(all, w.named(line))
	}
	slices.Sort(all)
	return all
}

var hash = regexp.MustCompile(`hash="[0-9a-f]{16}"`)

// named replaces what differs from run to run.
func (w *world) named(line string) string {
	for _, k := range w.Set().Keys() {
		line = strings.ReplaceAll(line, `thumbprint="`+k.Thumbprint+`"`, `thumbprint="T(`+k.Kid()+`)"`)
	}
	if name, value, _ := strings.Cut(line, "} "); strings.Contains(name, "_timestamp_seconds{") {
		at, err := strconv.ParseFloat(value, 64)
		if err != nil {
			w.t.Fatal(line)
		}
		line = name + "} +" + time.UnixMicro(int64(at*1e6)).Sub(start).Round(time.Millisecond).String()
	}
	return hash.ReplaceAllString(line, `hash="H"`)
}

// about gives the rows that hold a text.
func (w *world) about(part string) []string {
	w.t.Helper()
	return slices.DeleteFunc(w.rows(), func(r string) bool { return !strings.Contains(r, part) })
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// hold gives the issuer n active keys, which nobody can sign with.
func (w *world) hold(n int) {
	now := w.clock.Now()
	keys := make([]*keyset.Key, 0, n)
	for i := range n {
		keys = append(keys, &keyset.Key{
			Thumbprint: fmt.Sprintf("thumb-%d", i), FirstSeen: now.Life, LastSeen: now.Life,
			Aliases: []keyset.Alias{{Kid: fmt.Sprintf("kid-%d", i), FirstSeen: now.Life, LastSeen: now.Life}},
		})
	}
	w.keys.Store(keyset.Restore(now, keys))
	d := accepted(w)
	for _, k := range w.Set().Keys() {
		d.Key, d.Kid = k, k.Kid()
		w.Observe(w.t.Context(), &d, 0, "")
	}
}
