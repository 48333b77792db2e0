package envoygateway

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

const (
	// sidecarConfig and sharedConfig are the guard's configurations of the two ways.
	sidecarConfig = folder + "/sidecar/jwtguard.yaml"
	sharedConfig  = "deploy/kubernetes/service/jwtguard.yaml"
	// guardAddress is what the guards' Service would have.
	guardAddress = "10.96.0.9:9191"
	// serverName is the guards' name in BackendTLSPolicy.
	serverName = "jwtguard.jwtguard.svc"
)

// A world is what stands around an Envoy: an issuer, the guard with a configuration that
// is shipped, and a workload that tells what reached it.
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
	grpc    string // of the guard, where it listens on TCP

	authority *devissuer.CA   // that the proxy has guards' certificates from
	client    tls.Certificate // that the proxy shows
}

// newWorld starts the guard with a configuration that is shipped, but for what edit
// changes. It runs until the test ends.
func newWorld(t testing.TB, shipped string, edit func(string) string) *world {
	t.Helper()
	harnesstest.EnvoyBinary(t) // no use in building the guard if there is none
	w := &world{t: t, dir: harnesstest.TempDir(t), key: devissuer.SharedKey("2026-11", "ES256")}
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
	w.authority, w.client = w.issuer.CA, w.issuer.CA.Client("envoy")
	w.metrics, w.grpc = w.freePort(), w.freePort()
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
// folder, ports on free ones of loopback, the issuer where it is. Nobody has to learn
// that this guard stops, so it does at once.
func (w *world) placed(config string) string {
	w.t.Helper()
	ca := w.file("ca.crt", w.issuer.CA.PEM())
	cert, key := devissuer.KeyPairPEM(w.issuer.CA.Server(serverName))
	w.file("tls.crt", cert)
	w.file("tls.key", key)
	config = harnesstest.ReplaceOnce(w.t, config, "  issuer: https://issuer.example.com\n",
		"  issuer: "+w.issuer.URL+"\n  jwks: { ca_file: "+ca+", interval: 1s }\n")
	config = strings.NewReplacer(`":9193"`, w.metrics, `":9191"`, w.grpc, "drain: 15s", "drain: 0s").Replace(config)
	for _, volume := range []string{"/run/jwtguard/", "/run/jwtguard-admin/", "/var/lib/jwtguard/", "/etc/jwtguard-tls/"} {
		config = strings.ReplaceAll(config, volume, w.dir+"/")
	}
	return config
}

func (w *world) file(name string, content []byte) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
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

// startGateway runs the gateway that Envoy Gateway makes of manifests until the test
// ends.
func (w *world) startGateway(manifests string) {
	w.t.Helper()
	if unmet := w.start(manifests); len(unmet) > 0 {
		w.t.Fatalf("Envoy Gateway says: %q", unmet)
	}
}

// start is startGateway for manifests that Envoy Gateway has something against, which it
// gives.
func (w *world) start(manifests string) []string {
	w.t.Helper()
	p := newPlane(w.t, together(manifests, w.cluster()))
	at := places{
		"/run/jwtguard/authz.sock": filepath.Join(w.dir, "authz.sock"),
		guardAddress:               w.grpc,
		"10.96.0.8:8080":           w.upstream.Address, // testdata/cluster.yaml
	}
	e, err := harness.StartEnvoy(harnesstest.Step(w.t), harnesstest.EnvoyBinary(w.t), harnesstest.TempDir(w.t), p.static(at, w.secrets()))
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
	return p.unmet
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
