package soak

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// The settings that say how fast a key goes through its life: rotations are to end
// within seconds.
const (
	audience       = "soak"
	interval       = time.Second
	fetchTimeout   = 2 * time.Second
	maxStale       = 30 * time.Second
	grace          = 2 * time.Second
	removalConfirm = time.Second
	skew           = time.Second

	// worstAcceptance is how long a withdrawn key may be accepted under an outage:
	// max_stale, one fetch, and the grace or the confirmation; all of that is much
	// longer than what the machine adds.
	worstAcceptance = maxStale + fetchTimeout + max(grace, removalConfirm+fetchTimeout)
)

// A world is a guard with its issuers, and all who do something to it.
type world struct {
	*testing.T
	plan
	dir      string
	binary   string
	guard    *harness.Guard
	profiles string // host:port of Go's profiles of the guard
	local    *http.Client
	operator *http.Client // of the admin socket
	issuers  []*issuer
	visitor  *issuer // which the configuration has now and then
	crowd    *crowd
	pulse    pulse
	told     atomic.Int64 // events that readers saw
	stop     func()       // ends the soak early
	running  sync.WaitGroup
}

// newWorld starts a guard until the test ends.
func newWorld(t *testing.T, p plan) *world {
	w := &world{T: t, plan: p, dir: t.TempDir(), stop: func() {}}
	t.Setenv("GOFLAGS", strings.TrimSpace(os.Getenv("GOFLAGS")+" -tags=pprof"))
	var err error
	if w.binary, err = harness.BuildGuard(w.dir); err != nil {
		t.Fatal(err)
	}
	w.profiles = w.freePort()
	t.Setenv("JWTGUARD_PPROF", w.profiles)
	// A connection that is kept is a goroutine of the guard.
	w.local = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	w.operator = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", w.file("admin.sock"))
	}}}
	ca := devissuer.NewCA()
	if err := ca.WriteFile(w.file("ca.pem")); err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		w.issuers = append(w.issuers, w.newIssuer(ca, strings.ToLower(alg), alg))
	}
	w.visitor = w.newIssuer(ca, "visitor", "EdDSA")
	w.visitor.doubt.begin() // for good: after a reload it is yet to be fetched
	metrics := w.freePort()
	w.write(w.config(metrics, w.issuers...))
	if w.guard, err = harness.StartGuard(t.Context(), w.binary, w.dir, w.config(metrics, w.issuers...), metrics); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.guard.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the guard said:\n%s", w.said())
		}
	})
	w.crowd = newCrowd(w)
	return w
}

// start has everybody begin.
func (w *world) start(ctx context.Context) {
	for n, i := range w.issuers {
		w.running.Go(func() { w.rotate(ctx, i, n) })
	}
	w.running.Go(func() { w.trouble(ctx) })
	w.running.Go(func() { w.reloads(ctx) })
	w.running.Go(func() { w.scrapes(ctx) })
	w.running.Go(func() { w.listens(ctx) })
	w.running.Go(func() { w.pulse.run(ctx) })
	w.crowd.start(ctx, &w.running)
}

// config is a configuration with some issuers.
func (w *world) config(metrics string, issuers ...*issuer) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
guard: soak
listen: { grpc: "unix://%s", admin: "unix://%s", metrics: "%s", drain: 100ms }
state_dir: %s
token_cache: { max_bytes: %dKiB }
policies:
  default: { issuers: ["*"], realm: soak, claim_headers: [ { claim: sub, header: %s } ] }
issuers:
`, w.file("authz.sock"), w.file("admin.sock"), metrics, w.file("state"), w.cache>>10, subjectHeader)
	for _, i := range issuers {
		fmt.Fprintf(&b, `
  - name: %s
    issuer: %s
    audiences: [%s]
    clock_skew: %v
    optional: %v
    jwks: { ca_file: %s, interval: %v, timeout: %v, max_stale: %v, unknown_kid_cooldown: 2s, unknown_kid_wait: 5ms }
    keys: { grace: %v, removal_confirm: %v }
`, i.name, i.URL, audience, skew, i == w.visitor, w.file("ca.pem"), interval, fetchTimeout, maxStale, grace, removalConfirm)
	}
	return b.String()
}

// write replaces the configuration file in one step.
func (w *world) write(config string) {
	file := w.file("jwtguard.yaml")
	err := os.WriteFile(file+".new", []byte(config), 0o644)
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		w.fail("write the configuration: %v", err)
	}
}

// fail tells of a failure and ends the soak: those that follow tell no more.
func (w *world) fail(format string, args ...any) {
	w.Errorf(format, args...)
	w.stop()
}

// said is what the guard said of its life, and not of each request.
func (w *world) said() string {
	var b strings.Builder
	for line := range strings.Lines(w.guard.Stderr.String()) {
		if !strings.Contains(line, `"request_denied"`) && !strings.Contains(line, `"config_finding"`) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

func (w *world) freePort() string {
	w.Helper()
	address, err := harness.FreePort()
	if err != nil {
		w.Fatal(err)
	}
	return address
}
