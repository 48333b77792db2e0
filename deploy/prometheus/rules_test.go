package prometheus

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// promtool finds the program.
func promtool(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("../../tools/prometheus.sh", "--installed", "promtool")
	var says strings.Builder
	cmd.Stderr = &says
	path, err := cmd.Output()
	if err != nil {
		harnesstest.Need(t, errors.New(says.String()))
	}
	return strings.TrimSpace(string(path))
}

// Every rule does what rules_test.yaml says, by Prometheus's own engine.
func TestRules(t *testing.T) {
	tool := promtool(t)
	for _, args := range [][]string{{"check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	text, err := os.ReadFile("rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Who is woken by an alert finds out what happened, what to do first, and where
// the rest stands; and the alert was seen to fire, and not to fire.
func TestAlertsSayWhatToDo(t *testing.T) {
	const runbook = "https://github.com/jwtguard/jwtguard/blob/main/docs/runbook.md#"
	book, tests := read(t, "../../docs/runbook.md"), read(t, "rules_test.yaml")
	alerts := 0
	for _, r := range rules(t) {
		if r.Alert == "" {
			if !strings.Contains(tests, "expr: "+r.Record+"\n") {
				t.Errorf("%s is not tested", r.Record)
			}
			continue
		}
		alerts++
		if s := r.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		for _, name := range []string{"summary", "description"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s: no %s", r.Alert, name)
			}
		}
		if r.Annotations["runbook_url"] != runbook+strings.ToLower(r.Alert) {
			t.Errorf("%s: runbook_url is %s", r.Alert, r.Annotations["runbook_url"])
		}
		_, section, ok := strings.Cut(book, "\n## "+r.Alert+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !ok {
			t.Errorf("docs/runbook.md has no section %s", r.Alert)
		}
		for _, part := range []string{"**Means.**", "**First.**", "**Decide.**", "**End.**"} {
			if !strings.Contains(section, part) {
				t.Errorf("docs/runbook.md: %s: no %s", r.Alert, part)
			}
		}
		if !strings.Contains(tests, "alertname: "+r.Alert+"\n") || !strings.Contains(tests, "{ alertname: "+r.Alert+",") && r.Alert != "JwtguardIssuerWithoutKey" {
			t.Errorf("%s is not seen to fire, or not to be silent", r.Alert)
		}
	}
	if n := strings.Count(book, "\n## "); n != alerts {
		t.Errorf("docs/runbook.md has %d sections for %d alerts", n, alerts)
	}
}

var (
	scraped = regexp.MustCompile(`\bjwtguard_[a-z0-9_]+`)
	suffix  = regexp.MustCompile(`(_seconds)?(_total|_bucket|_count|_sum)?$`)
)

// What the rules and the runbook ask for is a metric of ours.
func TestRulesAskForMetricsThatThereAre(t *testing.T) {
	instruments := read(t, "../../internal/telemetry/instruments.go") + read(t, "../../internal/telemetry/distributions.go")
	texts := []string{read(t, "../../docs/runbook.md")}
	for _, r := range rules(t) {
		texts = append(texts, r.Expr)
	}
	for _, text := range texts {
		for _, name := range scraped.FindAllString(text, -1) {
			stem := strings.TrimPrefix(suffix.ReplaceAllString(name, ""), "jwtguard_")
			if !strings.Contains(instruments, `"`+stem+`"`) {
				t.Errorf("%s is no metric", name)
			}
		}
	}
}
