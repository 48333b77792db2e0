package mesh

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// longestRelease has as many characters as Helm takes.
const longestRelease = "a-release-whose-name-has-fifty-three-characters-in-it"

// TestAPIServerTakesTheManifests judges what is rendered by the API server's own
// validation, and has it refuse what is wrong.
func TestAPIServerTakesTheManifests(t *testing.T) {
	program := filepath.Join(t.TempDir(), "apiserver")
	if out, err := exec.Command("go", "build", "-C", "e2e/mesh/apiserver", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	judge := func(manifests []byte) string {
		t.Helper()
		server := exec.Command(program)
		server.Stdin = bytes.NewReader(manifests)
		out, err := server.CombinedOutput()
		if (err == nil) != (len(out) == 0) {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			if refused := judge(kustomize(t, filepath.Join(kubernetesDir, variant))); refused != "" {
				t.Error(refused)
			}
		})
	}
	for name, over := range map[string]string{"chart": "{}", "chart, listener per policy": chartPerPolicy, "chart, with all": chartWithAll} {
		t.Run(name, func(t *testing.T) {
			eachHelm(t, func(t *testing.T, h helm) {
				text, err := h.manifests(chartDir, longestRelease, values(t, over))
				if err != nil {
					t.Fatal(err)
				}
				if refused := judge(text); refused != "" {
					t.Error(refused)
				}
			})
		})
	}
	for name, c := range map[string]struct{ variant, file, from, to, says string }{
		"name of a port": {"gateway", "sidecar/patch.yaml", "guard-metrics", "jwtguard-metrics", "must be no more than 15 characters"},
		"empty preStop":  {"workload", "workload/workload.yaml", "            sleep: { seconds: 15 }\n", "            {}\n", "must specify a handler type"},
		"no envoy":       {"gateway", "sidecar/patch.yaml", "- name: envoy", "- name: proxy", "image: Required value"},
		"spread":         {"service", "service/statefulset.yaml", "maxSkew: 1", "maxSkew: 0", "maxSkew"},
		"address":        {"service", "service/networkpolicy.yaml", "169.254.0.0/16", "169.254.0.0", "networkpolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			copied := edited(t, c.file, c.from, c.to)
			if refused := judge(kustomize(t, filepath.Join(copied, c.variant))); !strings.Contains(strings.ToLower(refused), strings.ToLower(c.says)) {
				t.Errorf("got %q, want a complaint that says %q", refused, c.says)
			}
		})
	}
}
