package e2e

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/config"
)

// The two files of deploy/envoy are one configuration: where they do not agree,
// a user who copies them is refused everything, or trusts a forged header.
func TestTheShippedConfigurationsBelongTogether(t *testing.T) {
	path, err := harness.EnvoyConfig()
	if err != nil {
		t.Fatal(err)
	}
	guard, err := config.Load(filepath.Join(filepath.Dir(path), "jwtguard.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	envoy := shippedConfig(t)

	for _, m := range regexp.MustCompile(`jwtguard\.policy: (\S+)`).FindAllStringSubmatch(envoy, -1) {
		if _, ok := guard.Policies[m[1]]; !ok {
			t.Errorf("a route names the policy %q, which the guard does not have", m[1])
		}
	}
	if len(guard.Listen.GRPC) != 1 || !strings.Contains(envoy, "pipe: { path: "+guard.Listen.GRPC[0].Address.Addr+" }") {
		t.Errorf("the guard listens on %v, where Envoy does not ask", guard.Listen.GRPC)
	}
	if f := guard.Lint(); slices.ContainsFunc(f, func(f config.Finding) bool { return f.Rule == "admin_beside_grpc" }) {
		t.Errorf("Envoy may give orders: %+v", f)
	}
	for name, p := range guard.Policies {
		headers := []string{p.PayloadHeader}
		for _, h := range p.ClaimHeaders {
			headers = append(headers, h.Header)
		}
		for _, h := range headers {
			if h != "" && !strings.HasPrefix(h, "x-jwt-") {
				t.Errorf("policy %s sets %s, which Envoy does not strip from requests", name, h)
			}
		}
	}
}
