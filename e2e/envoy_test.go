package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

func TestShippedEnvoyConfigurationIsValid(t *testing.T) {
	binary := harnesstest.EnvoyBinary(t)
	for name, places := range map[string]harness.Places{
		"as it stands": {},
		"over TCP":     {GuardTCP: "127.0.0.1:9191"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := places.Fill(shippedConfig(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := harness.Validate(harnesstest.Step(t), binary, harnesstest.TempDir(t), config); err != nil {
				t.Error(err)
			}
		})
	}
}

// Envoy must not say "OK" to anything: this is what makes the test above one.
func TestABrokenEnvoyConfigurationIsNot(t *testing.T) {
	broken, err := harness.ReplaceOnce(shippedConfig(t), "failure_mode_allow: false", "failure_mode_alow: false")
	if err != nil {
		t.Fatal(err)
	}
	err = harness.Validate(harnesstest.Step(t), harnesstest.EnvoyBinary(t), harnesstest.TempDir(t), broken)
	if err == nil || !strings.Contains(err.Error(), "failure_mode_alow") {
		t.Errorf("%v", err)
	}
}

func TestPlacesMustBeInTheConfiguration(t *testing.T) {
	for want, config := range map[string]string{
		"0 times": "listeners: []",
		"2 times": "{ address: 127.0.0.1, port_value: 9901 }{ address: 127.0.0.1, port_value: 9901 }",
	} {
		_, err := harness.Places{Admin: "127.0.0.1:1"}.Fill(config)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestWithoutAGuardEnvoyDenies(t *testing.T) {
	unused, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	for name, places := range map[string]harness.Places{
		"socket": {},
		"tcp":    {GuardTCP: unused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t, places, nil)
			began := time.Now()
			resp, access := m.send(harness.Request{Target: "/orders?id=1"}.Bearer("a.b.c"))
			// 2 s is the filter's timeout, which retries use up.
			if d := time.Since(began); d > 4*time.Second {
				t.Errorf("the answer took %v", d)
			}
			if resp.Status != http.StatusServiceUnavailable || resp.Echo != nil {
				t.Errorf("client got %d %q, want 503", resp.Status, resp.Body)
			}
			if n := m.upstream.Served(); n != 0 {
				t.Errorf("%d requests reached the upstream", n)
			}
			if access.Status != 503 || value(access.Details) != "ext_authz_error" {
				t.Errorf("access log: %s", access.Line)
			}
			for field, v := range map[string]*string{
				"decision": access.Decision, "reason": access.Reason, "policy": access.Policy,
				"issuer": access.Issuer, "kid": access.KID, "thumbprint": access.Thumbprint,
				"alg": access.Alg, "key_state": access.KeyState,
			} {
				if v != nil {
					t.Errorf("access log: %s is %q, want null", field, *v)
				}
			}
			// A policy may take its token from the query.
			if access.Path != "/orders" {
				t.Errorf("access log: path %q, want it without its query", access.Path)
			}
		})
	}
}

// The route for health checks is not authorized, so there is nobody but Envoy
// itself to remove forged identities.
func TestForgedIdentityNeverPassesAnUncheckedRoute(t *testing.T) {
	m := newMesh(t, harness.Places{}, nil)
	forged := harness.Request{Target: "/healthz"}.
		Header("x-jwt-sub", "mallory").
		Header("X-JWT-Sub", "mallory").
		Header("X-Jwt-Scope", "").
		Header("x-envoy-auth-failure-mode-allowed", "true").
		Header("x-other", "stays")
	resp, access := m.send(forged)
	if resp.Echo == nil {
		t.Fatalf("client got %d %q: %s", resp.Status, resp.Body, access.Line)
	}
	if access.Reason != nil {
		t.Errorf("the guard was asked: %s", access.Line)
	}
	h := resp.Echo.Header
	if got := append(names(h, "X-Jwt"), names(h, "X-Envoy-Auth")...); len(got) != 0 {
		t.Errorf("forged headers reached the upstream: %q", got)
	}
	if h.Get("X-Other") != "stays" {
		t.Errorf("header of the client lost: %v", h)
	}

	resp, _ = m.send(harness.Request{Target: "/healthz"}.Header("x_jwt_sub", "mallory"))
	if resp.Status != http.StatusBadRequest {
		t.Errorf("x_jwt_sub: client got %d, want 400", resp.Status)
	}
}

// The route decides the policy, so other spellings of a path must be the same
// path.
func TestPathsHaveOneSpelling(t *testing.T) {
	m := newMesh(t, harness.Places{}, nil)
	for _, target := range []string{"/healthz", "//healthz", "/a/../healthz", "/%68ealthz", "/./healthz"} {
		resp, access := m.send(harness.Request{Target: target})
		if resp.Echo == nil || resp.Echo.Target != "/healthz" {
			t.Errorf("%s: client got %d, upstream %+v: %s", target, resp.Status, resp.Echo, access.Line)
		}
	}
	resp, _ := m.send(harness.Request{Target: "/a%2F..%2Fhealthz"})
	if resp.Status != http.StatusTemporaryRedirect || resp.Header.Get("Location") != "/healthz" {
		t.Errorf("escaped slashes: client got %d to %q", resp.Status, resp.Header.Get("Location"))
	}
}
