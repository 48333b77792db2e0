package mesh

import (
	"crypto/tls"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

const docs = "docs/kubernetes.md"

// block gives the first fenced block of the docs that holds a text, without its
// indentation.
func block(t *testing.T, language, holds string) string {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(harnesstest.ReadFile(t, docs), -1) {
		if strings.Contains(m[2], holds) {
			return strings.ReplaceAll("\n"+m[2], "\n"+m[1], "\n")
		}
	}
	t.Fatalf("%s has no block of %s with %s", docs, language, holds)
	return ""
}

// TestCertificatesOfTheDocs makes certificates by the commands of the docs, and has
// the shared guard and a client use them.
func TestCertificatesOfTheDocs(t *testing.T) {
	_, err := exec.LookPath("openssl")
	harnesstest.Need(t, err)
	dir := t.TempDir()
	making := exec.Command("bash", "-euo", "pipefail", "-c", block(t, "sh", "openssl req"))
	making.Dir = dir
	if out, err := making.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := variantPod(t, "service")
	for name, from := range map[string]string{"tls.crt": "server.crt", "tls.key": "server.key", "ca.crt": "ca.crt"} {
		p.secret("jwtguard-tls", name, harnesstest.ReadFile(t, dir+"/"+from))
	}
	p.authority = harnesstest.ReadFile(t, dir+"/ca.crt")
	p.start()
	client, err := tls.LoadX509KeyPair(dir+"/client.crt", dir+"/client.key")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{serverName, "jwtguard-pods.jwtguard.svc"} {
		p.server = name
		if got := p.reason(p.client(client), p.token(nil)); got != "ok" {
			t.Errorf("as %s: %s, want ok", name, got)
		}
	}
	p.server = serverName
	server, err := tls.LoadX509KeyPair(dir+"/server.crt", dir+"/server.key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client(server).Check(harnesstest.Step(t), request(p.token(nil))); err == nil {
		t.Error("the guards' own certificate is taken for a client's")
	}
}

// TestValuesOfTheDocs: what the docs show as values is enough for the chart, once the
// digest is one.
func TestValuesOfTheDocs(t *testing.T) {
	text := harnesstest.ReplaceOnce(t, block(t, "yaml", "repository:"), "sha256:...", "sha256:"+strings.Repeat("0", 64))
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	eachHelm(t, func(t *testing.T, h helm) {
		for _, complaint := range complaints(chart(t, h, chartDir, guardName, v)) {
			t.Error(complaint)
		}
	})
}

// TestDocsNameTheVersionsThatWereTried holds what the docs say against go.mod.
func TestDocsNameTheVersionsThatWereTried(t *testing.T) {
	modules := harnesstest.ReadFile(t, "e2e/mesh/go.mod") + harnesstest.ReadFile(t, "e2e/mesh/apiserver/go.mod")
	text := harnesstest.ReadFile(t, docs)
	for module, says := range map[string]string{
		"k8s.io/kubernetes":             "Kubernetes %s, the API server",
		"sigs.k8s.io/kustomize/api":     "kustomize %s (API)",
		"helm.sh/helm/v4":               "Helm %s and",
		"helm.sh/helm/v3":               "and %s, their Go packages",
		"k8s.io/api":                    "Kubernetes API %s ",
		"k8s.io/pod-security-admission": "k8s.io/pod-security-admission %s ",
		"github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring": "Prometheus operator API %s ",
	} {
		m := regexp.MustCompile(`(?m)^\t` + regexp.QuoteMeta(module) + ` v(\S+)`).FindStringSubmatch(modules)
		if m == nil {
			t.Errorf("go.mod does not require %s", module)
			continue
		}
		if says = strings.Replace(says, "%s", m[1], 1); !strings.Contains(text, says) {
			t.Errorf("%s does not say %q", docs, says)
		}
	}
}
