package istio

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xdstest"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// shippedWorkload is what deploy/istio has applied for a guard beside a workload.
func shippedWorkload(t testing.TB) string {
	return harnesstest.ReadFile(t, "e2e/mesh/istio/testdata/cluster.yaml") + "\n---\n" + kustomize(t, folder+"/mesh") + "\n---\n" +
		istioOnly(t, kustomize(t, folder+"/workload"))
}

// istioOnly leaves Kubernetes' manifests out: testdata/cluster.yaml has what became of
// them, and the default namespace is added to the rest.
func istioOnly(t testing.TB, manifests string) string {
	t.Helper()
	_, istio := split(t, manifests)
	var text strings.Builder
	for _, o := range documents(t, istio) {
		if o.GetNamespace() == "" {
			o.SetNamespace("default")
		}
		text.WriteString(manifest(t, o))
	}
	return text.String()
}

// workload is the workload's pod of testdata/cluster.yaml.
func (p *plane) workload(labels map[string]string) *model.Proxy {
	all := map[string]string{"app.kubernetes.io/name": "workload", "jwtguard-sidecar": "true"}
	for k, v := range labels {
		all[k] = v
	}
	return p.proxy(model.SidecarProxy, "default", "10.0.0.8", all)
}

// plaintext gives the chain of filters that a sidecar has for requests to a port
// without mutual TLS: HTTP, or anything else.
func (p *plane) plaintext(proxy *model.Proxy, name string, http bool) *listenerv3.FilterChain {
	p.t.Helper()
	inbound := xdstest.ExtractListener(model.VirtualInboundListenerName, p.Listeners(proxy))
	for _, c := range inbound.GetFilterChains() {
		_, hasHTTP := xdstest.ExtractFilterNames(p.t.(*testing.T), c)
		if c.Name == name && c.GetFilterChainMatch().GetTransportProtocol() != "tls" && (len(hasHTTP) > 0) == http {
			return c
		}
	}
	p.t.Fatalf("no chain %s", name)
	return nil
}

// loopback is an address of this host that nobody else takes: a policy names the port.
func loopback(port int) string {
	return fmt.Sprintf("127.%d.%d.%d:%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254), port)
}

// startSidecar runs the inbound side of the workload's sidecar.
func (w *world) startSidecar(manifests string, labels map[string]string) {
	w.t.Helper()
	p := newPlane(w.t.(*testing.T), manifests, nil)
	proxy := p.workload(labels)
	at := w.sockets()
	at["inbound|8080||"] = w.upstream.Address
	w.startEnvoy(p.static(proxy, p.plaintext(proxy, "0.0.0.0_8080", true), loopback(8080), at))
}

func TestGuardBesideAWorkload(t *testing.T) {
	w := newWorld(t, folder+"/sidecar/jwtguard.yaml", nil)
	w.startSidecar(shippedWorkload(t), nil)
	for _, c := range []struct {
		name, reason string
		request      harness.Request
		status       int
	}{
		{"no token", "token_missing", harness.Request{}, 401},
		{"a good token", "ok", harness.Request{}.Bearer(w.token(nil)), 200},
		{"an expired token", "token_expired", harness.Request{}.Bearer(w.token(devissuer.Claims{"exp": 1})), 401},
	} {
		resp, log := w.send(c.request)
		if resp.Status != c.status || value(log.Reason) != c.reason || value(log.Policy) != "default" {
			t.Errorf("%s: status %d and %s, want %d and %s", c.name, resp.Status, log.Line, c.status, c.reason)
		}
	}
	resp, _ := w.send(harness.Request{}.Bearer(w.token(devissuer.Claims{"sub": "alice"})).Header("x-jwt-sub", "mallory"))
	if resp.Echo == nil || strings.Join(resp.Echo.Header.Values("X-Jwt-Sub"), ",") != "alice" {
		t.Errorf("the workload got %+v", resp.Echo)
	}
	w.revoke()
	if resp, log := w.send(harness.Request{}.Bearer(w.token(nil))); resp.Status != 401 || value(log.Reason) != "key_revoked" {
		t.Errorf("a token of the revoked key: status %d and %s", resp.Status, log.Line)
	}
	w.guard.Kill()
	if resp, log := w.send(harness.Request{}.Bearer(w.token(nil))); resp.Status != http.StatusServiceUnavailable || log.Decision != nil {
		t.Errorf("without a guard: status %d and %s", resp.Status, log.Line)
	}
}

// perWorkload is the example of docs/istio.md: an AuthorizationPolicy for each of two
// kinds of workloads in a namespace.
func perWorkload(t testing.TB) string {
	t.Helper()
	for _, block := range strings.Split(harnesstest.ReadFile(t, "docs/istio.md"), "```") {
		if example, ok := strings.CutPrefix(block, "yaml\n"); ok && strings.Contains(example, "jwtguard-orders") {
			return istioOnly(t, example)
		}
	}
	t.Fatal("docs/istio.md has no example of policies for each workload")
	return ""
}

func TestEachWorkloadHasItsPolicy(t *testing.T) {
	manifests := without(t, shippedWorkload(t), "AuthorizationPolicy", "jwtguard") + perWorkload(t)
	for app, want := range map[string]struct {
		policy string
		status int
	}{
		"orders":   {"default", 200},
		"payments": {"payments", 403},
	} {
		t.Run(app, func(t *testing.T) {
			w := newWorld(t, folder+"/sidecar/jwtguard.yaml", nil)
			w.startSidecar(manifests, map[string]string{"app": app})
			resp, log := w.send(harness.Request{}.Bearer(w.token(nil)))
			if resp.Status != want.status || value(log.Policy) != want.policy {
				t.Errorf("status %d and %s, want %d by %s", resp.Status, log.Line, want.status, want.policy)
			}
		})
	}
}

// A policy for all ports puts connections that are not HTTP to the guard as well, which
// can only refuse them. The policy that is shipped names the port.
func TestOtherPortsAreNotTheGuards(t *testing.T) {
	shipped := shippedWorkload(t)
	for name, c := range map[string]struct {
		manifests string
		passes    bool
	}{
		"shipped":   {shipped, true},
		"all ports": {harnesstest.ReplaceOnce(t, shipped, "  - to:\n    - operation:\n        ports:\n        - \"8080\"\n", "  - {}\n"), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, folder+"/sidecar/jwtguard.yaml", nil)
			p := newPlane(t, c.manifests, nil)
			proxy := p.workload(nil)
			at := w.sockets()
			at["InboundPassthroughCluster"] = w.upstream.Address
			w.startEnvoy(p.static(proxy, p.plaintext(proxy, model.VirtualInboundListenerName, false), loopback(5432), at))
			_, err := harness.Request{}.Bearer(w.token(nil)).HTTP1(harnesstest.Step(t), w.envoy.Address)
			if passed := err == nil; passed != c.passes || passed != (w.upstream.Served() > 0) {
				t.Errorf("passed: %v (%v), want %v", passed, err, c.passes)
			}
		})
	}
}

// Where a Sidecar resource narrows what a workload sees, it has to name the provider's
// host. Without its cluster, Envoy cannot ask, and lets nothing pass.
func TestASidecarResourceHasToNameTheProvidersHost(t *testing.T) {
	for hosts, status := range map[string]int{
		`["./*"]`: http.StatusServiceUnavailable,
		`["./*", "istio-system/default.jwtguard.internal"]`: http.StatusOK,
		`["./*", "istio-system/*"]`:                         http.StatusOK,
	} {
		t.Run(hosts, func(t *testing.T) {
			w := newWorld(t, folder+"/sidecar/jwtguard.yaml", nil)
			w.startSidecar(shippedWorkload(t)+`
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: default }
spec: { egress: [{ hosts: `+hosts+` }] }
`, nil)
			if resp, log := w.send(harness.Request{}.Bearer(w.token(nil))); resp.Status != status {
				t.Errorf("status %d and %s, want %d", resp.Status, log.Line, status)
			}
		})
	}
}
