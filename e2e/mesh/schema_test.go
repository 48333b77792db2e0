package mesh

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/config"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestValuesOutsideTheSchemaAreNamed: nothing is rendered, and the message says which
// value it is about.
func TestValuesOutsideTheSchemaAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ over, says string }{
		"no image":             {"{image: {repository: ''}}", "/image/repository"},
		"a tag in the name":    {"{image: {repository: 'jwtguard@sha256'}}", "/image/repository"},
		"a tag for the digest": {"{image: {digest: latest}}", "/image/digest"},
		"no issuer":            {"{config: {issuers: []}}", "/config/issuers"},
		"no audience":          {"{config: {issuers: [{issuer: https://a.example}]}}", "'audiences'"},
		"misspelt setting":     {"{config: {issuers: [{issuer: https://a.example, audiences: [a], max_live: 1h}]}}", "'max_live'"},
		"misspelt source":      {"{config: {issuers: [{issuer: https://a.example, audiences: [a], jwks: {url: https://a.example}}]}}", "'url'"},
		"no unit":              {"{config: {issuers: [{issuer: https://a.example, audiences: [a], max_lifetime: '900'}]}}", "/config/issuers/0/max_lifetime"},
		"listen":               {"{config: {listen: {grpc: ':1'}}}", "'listen'"},
		"state_dir":            {"{config: {state_dir: /tmp}}", "'state_dir'"},
		"mode of a policy":     {"{config: {policies: {default: {mode: observe}}}}", "/config/policies/default/mode"},
		"size without unit":    {"{config: {token_cache: {max_bytes: '1000'}}}", "/config/token_cache/max_bytes"},
		"unknown value":        {"{replica: 2}", "'replica'"},
		"no replica":           {"{replicas: 0}", "/replicas"},
		"mode":                 {"{mode: daemon}", "/mode"},
		"port of metrics":      {"{listeners: [{name: grpc, port: 9193}]}", "/listeners/0/port"},
		"long port name":       {"{listeners: [{name: grpc-payments, port: 9191}]}", "/listeners/0/name"},
		"drain in minutes":     {"{drain: 1m}", "/drain"},
		"clients: everybody":   {"{networkPolicy: {clients: []}}", "/networkPolicy/clients"},
		"an empty peer":        {"{networkPolicy: {monitoring: [{}]}}", "/networkPolicy/monitoring/0"},
		"no memory limit":      {"{resources: {limits: null}}", "'limits'"},
		"a value taken away":   {"{tls: null}", "'tls'"},
		"the guard's own file": {"{files: {jwtguard.yaml: ''}}", "jwtguard.yaml"},
		"TLS without a secret": {"{tls: {secretName: ''}}", "/tls/secretName"},
	} {
		t.Run(name, func(t *testing.T) {
			eachHelm(t, func(t *testing.T, h helm) {
				text, err := h.manifests(chartDir, guardName, values(t, c.over))
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want an error that names %s; rendered: %d bytes", err, c.says, len(text))
				}
			})
		})
	}
}

func TestSidecarTemplatesNeedTheirMode(t *testing.T) {
	eachHelm(t, func(t *testing.T, h helm) {
		_, err := h.manifests(shop(t), "shop", map[string]any{"jwtguard": values(t, "{mode: service}")})
		if err == nil || !strings.Contains(err.Error(), "mode: must be sidecar") {
			t.Errorf("got %v, want an error that names the mode", err)
		}
	})
}

// TestSchemaKnowsEverySetting holds the schema against the configuration that the docs
// show in full: the guard reads the same from the chart's ConfigMap.
func TestSchemaKnowsEverySetting(t *testing.T) {
	_, text, _ := strings.Cut(harnesstest.ReadFile(t, "docs/configuration.md"), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	var full map[string]any
	if err := yaml.Unmarshal([]byte(text), &full); err != nil {
		t.Fatal(err)
	}
	issuer := full["issuers"].([]any)[0].(map[string]any)
	jwks, keys := issuer["jwks"].(map[string]any), issuer["keys"].(map[string]any)
	delete(jwks, "ca_file") // "" in the docs, where it is not set
	keys["retired"] = []any{map[string]any{"kid": "old", "at": "2026-11-01T00:00:00Z", "grace": "0s", "reason": "yearly"}}
	keys["revoked"] = []any{map[string]any{"thumbprint": strings.Repeat("A", 43), "reason": "leaked"}}
	keys["reinstated"] = []any{map[string]any{"kid": "older", "at": "2026-11-02T00:00:00Z", "reason": "a mistake"}}
	over, err := yaml.Marshal(map[string]any{"config": map[string]any{
		"issuers": full["issuers"], "policies": full["policies"], "token_cache": full["token_cache"], "ledger": full["ledger"],
	}})
	if err != nil {
		t.Fatal(err)
	}
	eachHelm(t, func(t *testing.T, h helm) {
		v := values(t, string(over))
		delete(v["config"].(map[string]any)["policies"].(map[string]any), "payments") // of the base
		v["tls"] = map[string]any{"enabled": false, "secretName": "none"}
		all := chart(t, h, chartDir, guardName, v)
		got := the[*corev1.ConfigMap](t, all, guardName).Data["jwtguard.yaml"]
		file := filepath.Join(t.TempDir(), "jwtguard.yaml")
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file)
		if err != nil {
			t.Fatalf("%v\n%s", err, got)
		}
		if n := len(c.Issuers[0].Keys.Retired) + len(c.Issuers[0].Keys.Revoked) + len(c.Issuers[0].Keys.Reinstated); n != 3 {
			t.Errorf("%d orders came through, expected 3:\n%s", n, got)
		}
	})
}
