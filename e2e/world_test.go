package e2e

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// audience is what the guard of a world accepts tokens for.
const audience = "payments-api"

// A world is all of it: a mesh, an issuer over HTTPS, and the guard.
type world struct {
	*mesh
	issuer *devissuer.Server
	key    *devissuer.Key // published; ES256
	guard  *harness.Guard

	binary   string
	guardDir string // holds the guard's configuration file
	admin    string // the guard's admin listener
	config   string
	metrics  string
}

// A setup says in what a world differs from the usual one.
type setup struct {
	// routes are paths to add, with the policy that each of them names.
	routes map[string]string
	// policies, issuers, keys, jwks and listen are YAML to go below policies:, below
	// issuers:, into the usual issuer's keys: and jwks:, and below listen:, without
	// indentation; top goes to the top level.
	policies, issuers, keys, jwks, listen, top string
	// state is the guard's state directory; empty: it has none.
	state string
	// tcp has Envoy reach the guard over TCP; admin is the guard's admin listener,
	// by default a unix socket.
	tcp   bool
	admin string
	// drain is listen.drain, 1s by default.
	drain string
	// alone leaves the mesh out: nobody asks this guard but its operators.
	alone bool
	// edit changes Envoy's configuration.
	edit func(string) string
}

// newWorld starts a world until the test ends, and waits until it is ready.
func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	if !s.alone {
		harnesstest.EnvoyBinary(t) // no use in building the guard if there is none
	}
	w := &world{binary: harnesstest.GuardBinary(t), guardDir: harnesstest.TempDir(t), key: devissuer.SharedKey("2026-11", "ES256")}
	var err error
	if w.issuer, err = devissuer.Start(devissuer.NewCA()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.issuer.Close() })
	w.issuer.Publish(w.key)

	var places harness.Places
	if s.tcp {
		places.GuardTCP = freePort(t)
	}
	if s.alone {
		dir := harnesstest.TempDir(t)
		w.mesh = &mesh{t: t, dir: dir, socket: filepath.Join(dir, "authz.sock")}
	} else {
		w.mesh = newMesh(t, places, func(config string) string {
			for path, policy := range s.routes {
				config = addRoute(t, config, path, policy)
			}
			if s.edit != nil {
				config = s.edit(config)
			}
			return config
		})
	}
	ca := filepath.Join(w.dir, "ca.pem")
	if err := w.issuer.CA.WriteFile(ca); err != nil {
		t.Fatal(err)
	}
	listen := "unix://" + w.socket
	if s.tcp {
		listen = places.GuardTCP
	}
	w.metrics = freePort(t)
	w.admin = cmp.Or(s.admin, "unix://"+filepath.Join(w.dir, "admin.sock"))
	w.config = fmt.Sprintf(`
guard: e2e
listen:
  grpc: %s
  admin: %s
  metrics: %s
  drain: %s
%s
issuers:
  - name: corp
    issuer: %s
    audiences: [%s]
    algorithms: [RS256, PS256, ES256, EdDSA]
    max_lifetime: 1h
    clock_skew: 1s
    jwks:
      ca_file: %s
      interval: 1s
      unknown_kid_cooldown: 1s
%s
    keys:
      removal_confirm: 1s
%s
%s
policies:
%s
%s
`, listen, w.admin, w.metrics, cmp.Or(s.drain, "1s"), indent(2, s.listen), w.issuer.URL, audience, ca,
		indent(6, s.jwks), indent(6, s.keys), indent(2, s.issuers), indent(2, s.policies+usualPolicies), s.top)
	if s.state != "" {
		w.config += "state_dir: " + s.state + "\n"
	}
	w.startGuard()
	t.Cleanup(func() {
		if err := w.guard.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("jwtguard said:\n%s", w.guard.Stderr)
		}
	})
	return w
}

// usualPolicies are the two that deploy/envoy/envoy.yaml names.
const usualPolicies = `
default:
  issuers: [corp]
  realm: e2e
  claim_headers:
    - { claim: sub, header: x-jwt-sub }
payments:
  issuers: [corp]
  realm: e2e
  required_scopes: [payments]
  claim_headers:
    - { claim: sub, header: x-jwt-sub }
    - { claim: scope, header: x-jwt-scope }
`

// startGuard starts the guard, again if it ran before, and waits until it is
// ready; flags are more of serve's.
func (w *world) startGuard(flags ...string) {
	w.t.Helper()
	g, err := harness.StartGuard(harnesstest.Step(w.t), w.binary, w.guardDir, w.config, w.metrics, flags...)
	if err != nil {
		w.t.Fatal(err) // the one before is still there to be stopped
	}
	w.guard = g
}

// claims are those of a good token, with more laid over them.
func (w *world) claims(more devissuer.Claims) devissuer.Claims {
	return devissuer.StandardClaims(w.issuer.URL, audience, 10*time.Minute).With(more)
}

// token is a good token, but for what more claims make of it.
func (w *world) token(more devissuer.Claims) string {
	return w.key.Token(w.claims(more))
}

// addRoute adds a route for a path, which names a policy, before the last one
// of the shipped configuration.
func addRoute(t testing.TB, config, path, policy string) string {
	t.Helper()
	const last = "              - match: { prefix: / }\n"
	route := fmt.Sprintf(`              - match: { path_separated_prefix: %s }
                route: { cluster: upstream }
                typed_per_filter_config:
                  envoy.filters.http.ext_authz:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                    check_settings: { context_extensions: { jwtguard.policy: %s } }
`, path, policy)
	return harnesstest.ReplaceOnce(t, config, last, route+last)
}

func freePort(t testing.TB) string {
	t.Helper()
	address, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func indent(n int, yaml string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(yaml)) {
		b.WriteString(strings.Repeat(" ", n) + line)
	}
	return b.String()
}
