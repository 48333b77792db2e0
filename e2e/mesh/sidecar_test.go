package mesh

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// theirUpstream is the service behind Envoy in each of the two variants with one.
var theirUpstream = map[string]string{
	"gateway":  "address: upstream, port_value: 8080 ",
	"workload": "address: 127.0.0.1, port_value: 8080 ",
}

// TestEnvoyAsksTheSidecar runs the whole pod: Envoy and the guard as their users, with
// the socket between them, and what each reads from its ConfigMap.
func TestEnvoyAsksTheSidecar(t *testing.T) {
	for variant, upstream := range theirUpstream {
		t.Run(variant, func(t *testing.T) {
			p := variantPod(t, variant)
			envoy := p.startEnvoy(upstream)
			send := func(request harness.Request) harness.Access {
				t.Helper()
				from := envoy.Stdout.Len()
				if _, err := request.HTTP1(harnesstest.Step(t), envoy.Address); err != nil {
					t.Fatal(err)
				}
				access, _, err := envoy.NextAccess(harnesstest.Step(t), from)
				if err != nil {
					t.Fatal(err)
				}
				return access
			}
			// The guard is the first to start: what comes before it is refused.
			if got := send(harness.Request{}.Bearer(p.token(nil))); got.Status != http.StatusServiceUnavailable {
				t.Errorf("without a guard: %d: %s", got.Status, got.Line)
			}
			p.start()
			for name, c := range map[string]struct {
				request harness.Request
				status  int
				reason  string
			}{
				"a good token":             {harness.Request{}.Bearer(p.token(nil)), 200, "ok"},
				"none":                     {harness.Request{}, 401, "token_missing"},
				"another audience's":       {harness.Request{}.Bearer(p.token(devissuer.Claims{"aud": "other"})), 401, "audience_mismatch"},
				"a route with a policy":    {harness.Request{Target: "/payments"}.Bearer(p.token(nil)), 403, "scope_insufficient"},
				"the policy's own demands": {harness.Request{Target: "/payments"}.Bearer(p.token(devissuer.Claims{"scope": "payments"})), 200, "ok"},
			} {
				got := send(c.request)
				if got.Status != c.status || got.Reason == nil || *got.Reason != c.reason {
					t.Errorf("%s: got %d, want %d and %s: %s", name, got.Status, c.status, c.reason, got.Line)
				}
			}
		})
	}
}

// TestEnvoyNeedsTheGroupOfTheSocket: without the pod's fsGroup, Envoy may not open the
// socket, and refuses every request. The test above would notice.
func TestEnvoyNeedsTheGroupOfTheSocket(t *testing.T) {
	dir := edited(t, "gateway/gateway.yaml", "fsGroup: 65532\n", "runAsGroup: 65532\n")
	p := newPod(t, mustDecode(t, kustomize(t, filepath.Join(dir, "gateway"))))
	if !p.asUsers {
		t.Skip("needs root and setpriv, to be other users")
	}
	envoy := p.startEnvoy(theirUpstream["gateway"])
	p.start()
	got, err := harness.Request{}.Bearer(p.token(nil)).HTTP1(harnesstest.Step(t), envoy.Address)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", got.Status)
	}
}

// TestEnvoysFileIsTheShippedOne: what deploy/envoy is tested for holds here as well.
func TestEnvoysFileIsTheShippedOne(t *testing.T) {
	shipped := harnesstest.ReplaceOnce(t, harnesstest.ReadFile(t, "deploy/envoy/envoy.yaml"), "is jwtguard.yaml beside it.", "is ../sidecar/jwtguard.yaml.")
	if diff := diffText(shipped, harnesstest.ReadFile(t, kubernetesDir+"/workload/envoy.yaml")); diff != "" {
		t.Errorf("workload/envoy.yaml (- deploy/envoy/envoy.yaml, + there):\n%s", diff)
	}
	for from, to := range map[string]string{
		"  - name: upstream\n    type: STATIC\n": "  - name: upstream\n    type: STRICT_DNS\n",
		theirUpstream["workload"]:                theirUpstream["gateway"],
		"127.0.0.1 : 8080                 the":   "upstream : 8080                  the",
	} {
		shipped = harnesstest.ReplaceOnce(t, shipped, from, to)
	}
	if diff := diffText(shipped, harnesstest.ReadFile(t, kubernetesDir+"/gateway/envoy.yaml")); diff != "" {
		t.Errorf("gateway/envoy.yaml (- deploy/envoy/envoy.yaml, + there):\n%s", diff)
	}
}

// startEnvoy runs the pod's Envoy as its user, in front of an upstream of this test.
func (p *pod) startEnvoy(upstream string) *harness.Envoy {
	t := p.t
	t.Helper()
	binary := harnesstest.EnvoyBinary(t)
	behind, err := harness.StartUpstream()
	p.must(err)
	t.Cleanup(func() { behind.Stop() })
	host, port, _ := strings.Cut(behind.Address, ":")

	c, _ := p.container("envoy")
	text, ok := p.textOf(p.all, c, c.Args[1])
	if !ok {
		t.Fatalf("no ConfigMap has the file %s", c.Args[1])
	}
	text, err = harness.Places{
		Ingress: "127.0.0.1:0", Admin: "127.0.0.1:0", GuardSocket: p.volumes["jwtguard-socket"] + "/authz.sock",
	}.Fill(harnesstest.ReplaceOnce(t, text, upstream, fmt.Sprintf("address: %s, port_value: %s ", host, port)))
	p.must(err)

	dir := openDir(t)
	p.must(os.Chmod(dir, 0o777)) // it writes the address of its admin interface there
	command := p.command("envoy", binary)
	if p.asUsers {
		if out, err := exec.Command(command[0], append(command[1:], "--version")...).CombinedOutput(); err != nil {
			t.Fatalf("the user of Envoy's container cannot run %s: %v: %s", binary, err, out)
		}
	}
	script := filepath.Join(dir, "envoy")
	p.must(os.WriteFile(script, []byte("#!/bin/sh\nexec "+strings.Join(command, " ")+" \"$@\"\n"), 0o755))
	envoy, err := harness.StartEnvoy(harnesstest.Step(t), script, dir, text)
	p.must(err)
	t.Cleanup(func() { envoy.Stop() })
	return envoy
}
