package istio

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A world is what stands around an Envoy: an issuer, the guard with the configuration
// of one of the folders, and a workload that tells what reached it.
type world struct {
	t        testing.TB
	dir      string // stands for the pod's volumes
	issuer   *devissuer.Server
	key      *devissuer.Key
	upstream *harness.Upstream
	guard    *harness.Guard
	envoy    *harness.Envoy

	config  string
	metrics string
	ports   map[string]string // of the guard's TCP listeners: where they are
}

// newWorld starts the guard with a configuration that is shipped, but for what edit
// changes. It runs until the test ends.
func newWorld(t testing.TB, shipped string, edit func(string) string) *world {
	t.Helper()
	harnesstest.EnvoyBinary(t) // no use in building the guard if there is none
	w := &world{t: t, dir: harnesstest.TempDir(t), key: devissuer.SharedKey("2026-11", "ES256"), ports: map[string]string{}}
	var err error
	if w.issuer, err = devissuer.Start(devissuer.NewCA()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.issuer.Close() })
	w.issuer.Publish(w.key)
	if w.upstream, err = harness.StartUpstream(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.upstream.Stop() })
	w.metrics = w.freePort()
	w.config = w.placed(harnesstest.ReadFile(t, shipped))
	if edit != nil {
		w.config = edit(w.config)
	}
	w.startGuard()
	t.Cleanup(func() {
		w.guard.Stop()
		if t.Failed() {
			t.Logf("jwtguard said:\n%s", w.guard.Stderr)
		}
	})
	return w
}

// placed puts what a configuration names into the world: the pod's volumes into its
// folder, ports of loopback on free ones, the issuer where it is.
func (w *world) placed(config string) string {
	w.t.Helper()
	ca := filepath.Join(w.dir, "ca.pem")
	if err := w.issuer.CA.WriteFile(ca); err != nil {
		w.t.Fatal(err)
	}
	config = harnesstest.ReplaceOnce(w.t, config, "  issuer: https://issuer.example.com\n",
		"  issuer: "+w.issuer.URL+"\n  jwks: { ca_file: "+ca+", interval: 1s }\n")
	config = harnesstest.ReplaceOnce(w.t, config, `metrics: ":9193"`, "metrics: "+w.metrics)
	config = regexp.MustCompile(`drain: \d+s`).ReplaceAllString(config, "drain: 0s")
	config = regexp.MustCompile(`127\.0\.0\.1:\d+, policy`).ReplaceAllStringFunc(config, func(s string) string {
		address := strings.TrimSuffix(s, ", policy")
		w.ports[address] = w.freePort()
		return w.ports[address] + ", policy"
	})
	for _, volume := range []string{"/run/jwtguard/", "/run/jwtguard-admin/", "/var/lib/jwtguard/"} {
		config = strings.ReplaceAll(config, volume, w.dir+"/")
	}
	return config
}

func (w *world) freePort() string {
	w.t.Helper()
	address, err := harness.FreePort()
	if err != nil {
		w.t.Fatal(err)
	}
	return address
}

// startGuard starts the guard, again if it ran before, and waits until it is ready.
func (w *world) startGuard() {
	w.t.Helper()
	g, err := harness.StartGuard(harnesstest.Step(w.t), harnesstest.GuardBinary(w.t), w.dir, w.config, w.metrics)
	if err != nil {
		w.t.Fatal(err)
	}
	w.guard = g
}

// startEnvoy runs a bootstrap until the test ends.
func (w *world) startEnvoy(bootstrap string) {
	w.t.Helper()
	dir := harnesstest.TempDir(w.t)
	e, err := harness.StartEnvoy(harnesstest.Step(w.t), harnesstest.EnvoyBinary(w.t), dir, bootstrap)
	if err != nil {
		w.t.Fatal(err)
	}
	w.envoy = e
	w.t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			w.t.Error(err)
		}
		if w.t.Failed() {
			w.t.Logf("envoy said:\n%s", e.Stderr)
		}
	})
}

// sockets are the places of the guard's unix sockets.
func (w *world) sockets() places {
	return places{
		"/run/jwtguard/default.sock":  filepath.Join(w.dir, "default.sock"),
		"/run/jwtguard/payments.sock": filepath.Join(w.dir, "payments.sock"),
	}
}

// claims are those of a good token, with more laid over them.
func (w *world) claims(more devissuer.Claims) devissuer.Claims {
	return devissuer.StandardClaims(w.issuer.URL, "payments-api", 10*time.Minute).With(more)
}

// token is a good token, but for what more claims make of it.
func (w *world) token(more devissuer.Claims) string { return w.key.Token(w.claims(more)) }

// send gives the answer to a request and the access log line about it.
func (w *world) send(r harness.Request) (harness.Response, harness.Access) {
	w.t.Helper()
	ctx := harnesstest.Step(w.t)
	from := w.envoy.Stdout.Len()
	resp, err := r.HTTP1(ctx, w.envoy.Address)
	if err != nil {
		w.t.Fatal(err)
	}
	a, _, err := w.envoy.NextAccess(ctx, from)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, a
}

// revoke orders the guard to revoke the world's key.
func (w *world) revoke() {
	w.t.Helper()
	said, err := harness.Command(harnesstest.Step(w.t), harnesstest.GuardBinary(w.t), "keys", "revoke", "-c", filepath.Join(w.dir, "jwtguard.yaml"),
		"--force", "--reason", "a test", "corp", w.key.KID)
	if err != nil || said.Status != 0 {
		w.t.Fatal(err, said)
	}
}

// value is a field of the access log, "<null>" where it is null: never what a guard
// says.
func value(s *string) string {
	if s == nil {
		return "<null>"
	}
	return *s
}
