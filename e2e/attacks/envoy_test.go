package attacks

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// limit is how long Envoy may take for all requests together, on a busy machine.
const limit = 60 * time.Second

// TestEnvoyRefusesEveryAttack sends the requests to real Envoy, with the configuration
// that is shipped and a route for each policy, over both versions of HTTP.
func TestEnvoyRefusesEveryAttack(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	e := &envoy{t: t, ctx: ctx, Envoy: newMesh(ctx, t, listen(t, newGuard(t, verifier(t, cacheBytes)), true)), asked: map[string]asked{}}
	http1 := func(r harness.Request) (harness.Response, error) { return r.HTTP1(ctx, e.Address) }
	h2c := harness.NewH2C()
	defer h2c.CloseIdleConnections()
	http2 := func(r harness.Request) (harness.Response, error) { return r.Over(ctx, h2c, e.Address) }

	for name, p := range goodTokens(t) {
		if err := e.send(http1, "good/"+strings.NewReplacer(" ", "-", ",", "").Replace(name), &attack{Policy: "default"}, p); err != nil {
			t.Fatal(err)
		}
	}
	for name, a := range goodRequests() {
		if err := e.send(http1, "good/by-"+strings.ReplaceAll(name, " ", "-"), a, good(t, recipe{})); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	for _, a := range cases(t) {
		if !a.sent() {
			continue
		}
		p := good(t, a.Token)
		if err := e.send(http1, a.id, a, p); err != nil {
			t.Fatal(err)
		}
		// Some of it Go does not send over HTTP/2, or Envoy ends the stream.
		if e.send(http2, a.id+"/h2", a, p) == nil {
			sent++
		}
	}
	if sent < 300 {
		t.Errorf("only %d requests were sent over HTTP/2", sent)
	}
	e.check()
}

// envoy is a running Envoy that was asked something.
type envoy struct {
	*harness.Envoy
	t     *testing.T
	ctx   context.Context
	asked map[string]asked // by path
}

// asked is a request that the guard judged, and what the client got.
type asked struct {
	*attack
	harness.Response
}

// transport sends a request. Over HTTP/1.1 anything can be sent.
type transport func(harness.Request) (harness.Response, error)

// send sends an attack, or something good, which has no reason.
func (e *envoy) send(by transport, id string, a *attack, p parts) error {
	m, err := a.message(p)
	if err != nil {
		e.t.Fatal(err)
	}
	path := "/p/" + a.Policy + "/" + id
	resp, err := by(harness.Request{Target: path + strings.TrimPrefix(m.path, "/"), Headers: m.lines})
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	switch {
	case a.Envoy == 200: // Envoy mends it: all who come after see the same, and it is good
		want := strings.NewReplacer("\r", "", "\n", "").Replace(m.lines[0][1])
		if resp.Echo == nil || resp.Echo.Header.Get(m.lines[0][0]) != want {
			e.t.Errorf("%s: the client got %d, and the upstream %v", id, resp.Status, resp.Echo)
		}
	case a.Envoy != 0:
		if resp.Status != a.Envoy || resp.Echo != nil {
			e.t.Errorf("%s: the client got %d, want %d", id, resp.Status, a.Envoy)
		}
	default:
		e.asked[path] = asked{a, resp}
	}
	return nil
}

// check holds what clients and upstream got, and what the access log says, against
// what was expected.
func (e *envoy) check() {
	for next := 0; len(e.asked) > 0; {
		access, n, err := e.NextAccess(e.ctx, next)
		if err != nil {
			e.t.Fatalf("%d requests are not in Envoy's access log: %v", len(e.asked), err)
		}
		next = n
		a, ok := e.asked[access.Path]
		if !ok {
			continue
		}
		delete(e.asked, access.Path)
		o := outcome{passes: a.Echo != nil, upstream: map[string]string{}}
		if access.Reason != nil {
			o.reason = *access.Reason
		}
		if o.passes {
			for name, values := range a.Echo.Header {
				if isIdentity(name) {
					o.upstream[strings.ToLower(name)] = strings.Join(values, "|")
				}
			}
		}
		if a.Reason == "" && !o.passes {
			e.t.Errorf("%s: a good request: %s", access.Path, access.Line)
		}
		if a.Reason != "" {
			if err := a.fails(o); err != nil {
				e.t.Errorf("%s: %v", access.Path, err)
			}
		}
	}
}

// newMesh is Envoy in front of an upstream that tells what reached it, and asks the
// guard on a socket.
func newMesh(ctx context.Context, t *testing.T, socket string) *harness.Envoy {
	t.Helper()
	binary := harnesstest.EnvoyBinary(t)
	upstream, err := harness.StartUpstream()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { upstream.Stop() })
	file, err := harness.EnvoyConfig()
	if err != nil {
		t.Fatal(err)
	}
	config, err := harness.Places{Ingress: "127.0.0.1:0", Admin: "127.0.0.1:0", Upstream: upstream.Address, GuardSocket: socket}.Fill(string(must(os.ReadFile(file))))
	if err != nil {
		t.Fatal(err)
	}
	const last = "              - match: { prefix: / }\n"
	var routes strings.Builder
	for _, p := range verifier(t, 0).Policies() {
		fmt.Fprintf(&routes, `              - match: { prefix: /p/%s/ }
                route: { cluster: upstream }
                typed_per_filter_config:
                  envoy.filters.http.ext_authz:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                    check_settings: { context_extensions: { jwtguard.policy: %s } }
`, p.Name, p.Name)
	}
	if config, err = harness.ReplaceOnce(config, last, routes.String()+last); err != nil {
		t.Fatal(err)
	}
	envoy, err := harness.StartEnvoy(ctx, binary, t.TempDir(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := envoy.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("envoy said:\n%s", envoy.Stderr)
		}
	})
	return envoy
}
