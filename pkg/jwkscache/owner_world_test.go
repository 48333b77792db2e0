package jwkscache

import (
	"context"

	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// world is the caches of one guard in a bubble, with all that they tell.
type world struct {
	t     *testing.T
	group *Group

	mu      sync.Mutex
	ahead   time.Duration   // of the wall clock, as the test steps it
	told    []string        // events, each as one line
	kept    []keyset.Change // that were kept before they were in force
	full    error           // nothing can be kept
	hung    bool            // keeping anything takes for ever
	fetches []fetched
}

// fetched is a report with the moment of its request, which no step moves.
type fetched struct {
	Fetch
	asked time.Time
}

// inWorld runs a story in a bubble, and wants nothing left running after it.
func inWorld(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		story(t, w)
	})
}

// run keeps the keys fresh until what it gives is called.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error)
	go func() { ended <- w.group.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, GroupConfig{})
}

// newWorldOf is a world whose group has some settings.
func newWorldOf(t *testing.T, cfg GroupConfig) *world {
	t.Helper()
	w := &world{t: t}
	if cfg.Clock == nil {
		cfg.Clock = NewClock(w.wall, time.Time{})
	}
	cfg.Journal, cfg.Report = w, w.report
	group, err := NewGroup(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.group = group
	return w
}

func (w *world) wall() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// step moves the wall clock against the monotonic one.
func (w *world) step(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// Record and Commit are the world as a [Journal].
func (w *world) Record(c keyset.Change) func(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell(c)
	full := w.full
	return func(context.Context) error { return full }
}

func (w *world) Commit(ctx context.Context, c keyset.Change) error {
	if w.hangs() {
		<-ctx.Done()
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full != nil {
		return w.full
	}
	w.kept = append(w.kept, c)
	w.tell(c)
	return nil
}

func (w *world) hangs() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hung
}

// disk sets what is wrong with the disk.
func (w *world) disk(full error, hung bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.full, w.hung = full, hung
}

// tell notes the events of a change; w.mu is held.
func (w *world) tell(c keyset.Change) {
	for _, e := range c.Events {
		line := []string{c.Name, string(e.Type), e.Kid}
		if e.Type == keyset.EventState {
			line = append(line, e.From.String()+">"+e.To.String())
		}
		line = append(line, string(e.Anomaly), string(e.Action))
		line = slices.DeleteFunc(line, func(s string) bool { return s == "" })
		w.told = append(w.told, strings.Join(line, " "))
	}
}

func (w *world) report(f Fetch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fetches = append(w.fetches, fetched{f, time.Now().Add(-f.Took)})
}

// events gives the events since it was last asked.
func (w *world) events() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

// reports gives the fetches since it was last asked.
func (w *world) reports() []fetched {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.fetches
	w.fetches = nil
	return f
}

// adopt puts the issuers into force, and gives the cache of the first one.
func (w *world) adopt(cfgs ...Config) *Cache {
	w.t.Helper()
	p, err := w.group.Plan(cfgs)
	if err != nil {
		w.t.Fatal(err)
	}
	w.group.Adopt(p)
	synctest.Wait()
	if len(cfgs) == 0 {
		return nil
	}
	return p.Cache(cfgs[0].Issuer)
}

// pass lets time pass, and whatever falls due with it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// until lets time pass until the lifecycle time t.
func (w *world) until(t time.Time) { pass(t.Sub(w.group.clock.Now().Life)) }

// wantEvents compares the events since the last time, without order.
func (w *world) wantEvents(want ...string) {
	w.t.Helper()
	got := w.events()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("events (-want +got):\n%s", diff)
	}
}

// wantKeys compares the state of every key, written "kid=state" in the order of
// first sight; a final one has an exclamation mark.
func (w *world) wantKeys(c *Cache, want string) {
	w.t.Helper()
	var got []string
	now := w.group.clock.Now()
	for _, k := range c.Set().Keys() {
		s := k.Kid() + "=" + k.State(now).String()
		if k.Final {
			s += "!"
		}
		got = append(got, s)
	}
	if s := strings.Join(got, " "); s != want {
		w.t.Errorf("keys: %s, want %s", s, want)
	}
}

// issuers that are scripted.

func newIssuer(name string, kids ...string) *devissuer.Issuer {
	i := devissuer.New("https://" + name)
	for _, kid := range kids {
		i.Publish(keyOf(kid))
	}
	return i
}

// keyOf is the one key of that kid in this test binary.
func keyOf(kid string) *devissuer.Key { return devissuer.SharedKey(kid, "EdDSA") }

// configOf keeps an issuer's keys with the defaults of the configuration.
func configOf(i *devissuer.Issuer) Config {
	u, err := url.Parse(i.URL)
	if err != nil {
		panic(err)
	}
	return Config{
		Name: u.Host, Issuer: i.URL,
		Source:   Source{URI: i.JWKSURI(), Transport: devissuer.Transport{Handler: i}},
		Params:   keyset.Params{Interval: 5 * time.Minute, MaxStale: 4 * time.Hour, Grace: time.Hour, RemovalConfirm: 30 * time.Second},
		Cooldown: 30 * time.Second, Wait: 100 * time.Millisecond,
	}
}

// asked are the requests for the issuer's keys.
func asked(i *devissuer.Issuer) []devissuer.Request { return i.Requests(devissuer.JWKSPath) }

// next lets time pass until the issuer is asked once more, for at most d.
func (w *world) next(i *devissuer.Issuer, d time.Duration) devissuer.Request {
	w.t.Helper()
	n, end := len(asked(i)), time.Now().Add(d)
	for len(asked(i)) == n {
		if time.Now().After(end) {
			w.t.Fatalf("%s was not asked within %s", i.URL, d)
		}
		pass(50 * time.Millisecond)
	}
	return asked(i)[n]
}

// pastCaches tells whether a request wants an answer of the origin itself.
func pastCaches(r devissuer.Request) bool {
	return r.Header.Get("Cache-Control") == "no-cache" && r.Header.Get("If-None-Match") == ""
}

func order1(a keyset.Action, kid string) keyset.Order {
	return keyset.Order{Action: a, Kid: kid, Reason: "because", Actor: "configuration"}
}

// documentOf is the key set of these kids.
func documentOf(kids ...string) []byte {
	var keys []devissuer.JWK
	for _, kid := range kids {
		keys = append(keys, keyOf(kid).JWK())
	}
	return devissuer.Document(keys...)
}
