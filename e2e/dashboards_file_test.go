package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// Whoever looks at a panel reads what it shows, what is good, and what to do; and
// the dashboards fit any Grafana.
func TestDashboardsSayWhatToDo(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	book, err := os.ReadFile(filepath.Join(root, "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`\[(\w+)\]\(https://github\.com/jwtguard/jwtguard/blob/main/docs/runbook\.md#(\w+)\)`)
	told := map[string]bool{}
	for name, d := range shippedDashboards(t) {
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if ids[p.ID] {
				t.Errorf("%s: %s: another panel has the id %d", name, p.Title, p.ID)
			}
			ids[p.ID] = true
			if p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: %s: no place on the grid: %+v", name, p.Title, p.GridPos)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: %s lies over %s", name, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			for _, part := range []string{"\n\n**Good:** ", "\n\n**Otherwise:** "} {
				if before, after, _ := strings.Cut(p.Description, part); before == "" || after == "" {
					t.Errorf("%s: %s: the description has no %q: %q", name, p.Title, strings.TrimSpace(part), p.Description)
				}
			}
			for _, m := range section.FindAllStringSubmatch(p.Description, -1) {
				if m[2] != strings.ToLower(m[1]) || !strings.Contains(string(book), "\n## "+m[1]+"\n") {
					t.Errorf("%s: %s: the runbook has no section %s", name, p.Title, m[0])
				}
				told[m[1]] = true
			}
			if p.FieldConfig.Defaults.Unit == "" {
				t.Errorf("%s: %s: no unit", name, p.Title)
			}
			if len(p.Targets) == 0 {
				t.Errorf("%s: %s: asks for nothing", name, p.Title)
			}
			for _, x := range p.Targets {
				if x.Datasource.UID != "${datasource}" || p.Datasource.UID != "${datasource}" {
					t.Errorf("%s: %s: a data source of its own", name, p.Title)
				}
			}
		}
		if v := d.Templating.List[0]; v.Name != "datasource" || v.Type != "datasource" || v.Query != "prometheus" {
			t.Errorf("%s: the first variable does not choose the data source", name)
		}
	}
	for name := range ruleExpressions(t) {
		if strings.HasPrefix(name, "Jwtguard") && !told[name] {
			t.Errorf("no panel leads to the runbook's section %s", name)
		}
	}
}

// A dashboard is what the tests read of one, by its JSON's names.
type dashboard struct {
	Title, UID string
	Panels     []panel
	Templating struct{ List []variable }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               struct{ UID string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []target
}

type target struct {
	Expr       string
	Instant    bool
	Datasource struct{ UID string }
}

type variable struct {
	Name, Type, AllValue string
	Query                any
	Datasource           struct{ UID string }
}

// ask is the query of a variable of the type "query".
func (v variable) ask() string {
	q, _ := v.Query.(map[string]any)
	text, _ := q["query"].(string)
	return text
}

// shippedDashboards are those of deploy/grafana, by their file names.
func shippedDashboards(t testing.TB) map[string]dashboard {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "deploy", "grafana", "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatalf("want 3 dashboards, found %q: %v", files, err)
	}
	all := map[string]dashboard{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = d
	}
	return all
}

// ruleExpressions are those of deploy/prometheus/rules.yaml, by their names.
func ruleExpressions(t *testing.T) map[string]string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all[r.Record+r.Alert] = r.Expr
		}
	}
	return all
}
