package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

func TestServeAnswersOnEveryListenerByItsPolicy(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(fmt.Sprintf(`listen:
  grpc:
    - {address: "unix://%[1]s/authz.sock"}
    - {address: "unix://%[1]s/strict.sock", policy: strict}
    - {address: "127.0.0.1:0", policy: shadowed}
  admin: ""
  metrics: "127.0.0.1:0"
  socket_mode: "0600"
  drain: 0s
`, w.dir) + "issuers:\n" + w.fixed("") + `policies:
  default: {}
  strict: {required_scopes: [pay]}
  shadowed: {mode: shadow, required_scopes: [pay]}
`)
	byRoute := g.envoy()
	strict := dial(t, "unix", w.path("strict.sock"))
	shadowed := dial(t, "tcp", g.service.grpc[2].at())
	for _, c := range []struct {
		at         envoy
		extensions []string
		want       verdict
	}{
		{byRoute, nil, verdict{"ok", 200, "default"}},
		{byRoute, []string{"jwtguard.policy", "strict"}, verdict{"scope_insufficient", 403, "strict"}},
		{byRoute, []string{"jwtguard.policy", "none"}, verdict{"policy_unknown", 403, ""}},
		{strict, nil, verdict{"scope_insufficient", 403, "strict"}},
		{shadowed, nil, verdict{"scope_insufficient", 200, "shadowed"}},
	} {
		got, err := c.at.check(w.token(), c.extensions...)
		if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%v: %+v, want %+v", c.extensions, got, c.want)
		}
	}
	for _, socket := range []string{"authz.sock", "strict.sock"} {
		if info, err := os.Stat(w.path(socket)); err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%s: %v, %v", socket, info.Mode(), err)
		}
	}
	w.must(g.stop())
}

func TestHealthFollowsReadinessAndEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.issuer.Fail(devissuer.JWKSPath, devissuer.StatusFault(503))
	g := w.start(strings.Replace(w.listen(), "drain: 10ms", "drain: 1m", 1) + "issuers:\n" + w.corp(", jwks: {ca_file: ca.pem, interval: 1s}"))
	e := g.envoy()
	wants := func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if got, err := e.health(""); err != nil || got != want {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
	}
	wants(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	if _, err := e.health("envoy.service.auth.v3.Authorization"); status.Code(err) != codes.NotFound {
		t.Errorf("another service name: %v", err)
	}
	if code, _ := g.http("tcp", "/healthz"); code != 200 {
		t.Errorf("/healthz: %d: liveness depends on nothing outside", code)
	}
	e.gets(w.token(), "keys_unavailable")

	w.issuer.Heal()
	g.event(0, `"msg":"ready"`)
	wants(grpc_health_v1.HealthCheckResponse_SERVING)
	e.gets(w.token(), "ok")

	// An issuer that fails later takes nobody out of service.
	w.issuer.Fail(devissuer.JWKSPath, devissuer.StatusFault(503))
	g.event(g.log.Len(), `"msg":"jwks_fetch_failed"`)
	wants(grpc_health_v1.HealthCheckResponse_SERVING)
	if code, body := g.http("tcp", "/readyz"); code != 200 {
		t.Errorf("%d %s", code, body)
	}

	from := g.log.Len()
	g.signals <- syscall.SIGTERM
	g.event(from, `"msg":"stopping"`, `"drain":"1m0s"`)
	for deadline := time.Now().Add(patienceOfTests); ; {
		if got, err := e.health(""); err != nil || got == grpc_health_v1.HealthCheckResponse_NOT_SERVING || time.Now().After(deadline) {
			break
		}
	}
	wants(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	for _, network := range []string{"unix", "tcp"} {
		if code, body := g.http(network, "/readyz"); code != 503 || object(t, body)["draining"] != true {
			t.Errorf("%s: %d %s", network, code, body)
		}
		if code, _ := g.http(network, "/healthz"); code != 200 {
			t.Errorf("%s: /healthz is %d while it drains: it would be killed", network, code)
		}
	}
	e.gets(w.token(), "ok")
	g.signals <- syscall.SIGINT
	w.must(g.wait())
}

func TestReadyzSaysWhichIssuerIsNotUsableAndWhy(t *testing.T) {
	w := newWorld(t)
	html, stranger, late := w.newIssuer(), w.newIssuer(), w.newIssuer()
	html.Fail(devissuer.JWKSPath, devissuer.HTMLFault())
	stranger.SetCertificate(devissuer.NewCA().Server("127.0.0.1"))
	late.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: time.Hour})
	g := w.start(w.listen() + "issuers:\n" + w.corp("") + w.entry("html", html, "") + w.entry("stranger", stranger, "") +
		w.entry("late", late, "") + "policies: {default: {issuers: [\"*\"]}}\n")
	for _, name := range []string{"html", "stranger"} {
		g.event(0, `"msg":"jwks_fetch_failed"`, `"issuer":"`+name+`"`)
	}
	g.event(0, `"msg":"jwks_fetched"`)
	for _, network := range []string{"unix", "tcp"} {
		code, body := g.http(network, "/readyz")
		got := object(t, body)
		if code != 503 || got["ready"] != false || got["draining"] != false {
			t.Errorf("%d %s", code, body)
		}
		reasons, words := map[string]string{}, map[string]string{}
		for _, i := range got["issuers"].([]any) {
			o := i.(map[string]any)
			reason, _ := o["reason"].(string)
			reasons[o["issuer"].(string)] = reason
			state, _ := o["state"].(string)
			result, _ := o["last_result"].(string)
			words[o["issuer"].(string)] = state + " " + result
			if o["usable"] != (state == "") {
				t.Errorf("%v", o)
			}
		}
		if diff := cmp.Diff(map[string]string{
			"corp": " ", "html": "never_fetched malformed", "stranger": "never_fetched tls", "late": "never_fetched ",
		}, words); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if network == "tcp" { // anybody may read it
			for _, part := range []string{"reason", "127.0.0.1", "https", w.dir} {
				if strings.Contains(body, part) {
					t.Errorf("the metrics listener shows %q: %s", part, body)
				}
			}
			continue
		}
		for name, want := range map[string]string{
			"corp":     "",
			"html":     "its keys were never fetched: " + html.JWKSURI() + ": not a key set (59 bytes, content type text/html, looks like a web page)",
			"stranger": "the certificate is not signed by a CA in jwks.ca_file, " + w.path("ca.pem"),
			"late":     "its keys were never fetched",
		} {
			if !strings.Contains(reasons[name], want) {
				t.Errorf("%s: %q, want %q", name, reasons[name], want)
			}
		}
	}
}

func TestReadinessDoesNotWaitForOptionalIssuers(t *testing.T) {
	w := newWorld(t)
	down := w.newIssuer()
	down.Fail(devissuer.JWKSPath, devissuer.StatusFault(500))
	g := w.startReady(w.listen() + "issuers:\n" + w.corp("") + w.entry("down", down, ", optional: true") + "policies: {default: {issuers: [\"*\"]}}\n")
	e := g.envoy()
	e.gets(w.token(), "ok")
	e.gets(w.tokenOf(w.key, devissuer.Claims{"iss": down.URL}), "keys_unavailable")
}

func TestFirstChecksWaitForTheFirstKeys(t *testing.T) {
	w := newWorld(t)
	w.issuer.FailNext(devissuer.JWKSPath, devissuer.Fault{Delay: 300 * time.Millisecond})
	g := w.start(w.config())
	g.envoy().gets(w.token(), "ok")
}

func TestFirstChecksWaitNoLongerThanEnvoyDoes(t *testing.T) {
	w := newWorld(t)
	w.issuer.Fail(devissuer.JWKSPath, devissuer.Fault{Delay: time.Hour})
	start := time.Now()
	g := w.start(strings.Replace(w.config(), "ca_file:", "unknown_kid_wait: 0s, ca_file:", 1))
	g.envoy().gets(w.token(), "keys_unavailable")
	const envoyWaits = 2 * time.Second // in deploy/envoy/envoy.yaml
	if took := time.Since(start); took < time.Second || took > envoyWaits {
		t.Errorf("it took %v", took)
	}
}

func TestKeysAsTheAPIShowsThem(t *testing.T) {
	w := newWorld(t)
	old, rsa := devissuer.SharedKey("old", "ES256"), devissuer.SharedKey("no-alg", "RS256").JWK()
	delete(rsa, "alg")
	g := w.startReady(w.listen() + "issuers:\n" +
		w.fixed(", keys: {retired: [{kid: old, at: 2026-10-01T00:00:00Z, reason: rotated}], revoked: [{kid: never-seen}]}", old.JWK(), rsa))
	e := g.envoy()
	e.gets(w.token(), "ok")
	e.gets(w.token(), "ok")
	e.gets(w.tokenOf(w.key, devissuer.Claims{"aud": "other"}), "audience_mismatch")
	e.gets(w.tokenOf(old, nil), "key_retired")

	code, body := g.http("unix", "/api/v1/keys")
	got := object(t, body)
	keys := map[string]any{}
	for _, k := range got["keys"].([]any) {
		o := k.(map[string]any)
		for _, name := range []string{"first_seen", "last_seen", "last_used", "latest_token_expiry", "retired_at", "since"} {
			text, ok := o[name].(string)
			if !ok {
				continue
			}
			if _, err := time.Parse(time.RFC3339, text); err != nil || !strings.HasSuffix(text, "Z") {
				t.Errorf("%s: %s is not RFC 3339 in UTC", name, text)
			}
			o[name] = "TIME"
		}
		// A guard that has just started cannot know that a key is not needed.
		if s, ok := o["safe_to_retire"].(map[string]any); ok {
			o["safe_to_retire"] = s["ok"]
		}
		keys[o["kid"].(string)] = o
	}
	want := map[string]any{
		"2026-11": map[string]any{
			"issuer": "corp", "kid": "2026-11", "thumbprint": w.key.Thumbprint(), "alg": "ES256", "state": "active",
			"first_seen": "TIME", "last_seen": "TIME", "since": "TIME", "final": false, "last_used": "TIME", "latest_token_expiry": "TIME",
			"allowed": 2.0, "denied": 1.0, "safe_to_retire": false,
		},
		"old": map[string]any{
			"issuer": "corp", "kid": "old", "thumbprint": old.Thumbprint(), "alg": "ES256", "state": "retired",
			"first_seen": "TIME", "last_seen": "TIME", "retired_at": "TIME", "since": "TIME", "final": true, "reason": "rotated", "actor": "configuration",
			"allowed": 0.0, "denied": 1.0,
		},
		"no-alg": map[string]any{
			"issuer": "corp", "kid": "no-alg", "thumbprint": devissuer.SharedKey("no-alg", "RS256").Thumbprint(), "algorithms": []any{"RS256", "PS256"},
			"state": "active", "first_seen": "TIME", "last_seen": "TIME", "since": "TIME", "final": false, "allowed": 0.0, "denied": 0.0, "safe_to_retire": false,
		},
		"never-seen": map[string]any{
			"issuer": "corp", "kid": "never-seen", "state": "revoked", "retired_at": "TIME", "since": "TIME", "final": true, "actor": "configuration",
			"allowed": 0.0, "denied": 0.0,
		},
	}
	if diff := cmp.Diff(want, keys); code != 200 || diff != "" {
		t.Errorf("%d %s", code, diff)
	}
	if code, _ := g.http("unix", "/api/v1/keys/corp/old"); code != 200 {
		t.Errorf("one key: %d", code)
	}
	for _, path := range []string{"/api/v1/keys/corp/x", "/api/v1/keys/x/old"} {
		if code, body := g.http("unix", path); code != 404 || object(t, body)["status"] != 404.0 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	// What faces the pod's address shows no keys.
	if code, _ := g.http("tcp", "/api/v1/keys"); code != 404 {
		t.Errorf("the metrics listener answers %d", code)
	}
}
