package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A faultTable is the one of docs/reliability.md.
type faultTable struct {
	mu   sync.Mutex
	rows []faultRow
}

func (t *faultTable) add(r faultRow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

func (t *faultTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rows)
}

// String is the table in Markdown, in the order of the wards.
func (t *faultTable) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var order []string
	for _, w := range wards {
		for _, f := range w.faults {
			order = append(order, f.name)
		}
	}
	slices.SortFunc(t.rows, func(a, b faultRow) int {
		return slices.Index(order, a.name) - slices.Index(order, b.name)
	})
	var b strings.Builder
	b.WriteString("| fault | a good token gets | the operator sees | `/readyz` | bad tokens, all refused | served again after | well again after |\n|---|---|---|---|---|---|---|\n")
	for _, r := range t.rows {
		served := "never failed"
		if r.failed {
			served = rounded(r.served)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %s | %s |\n", r.name, r.users, r.told, r.ready, r.refused, served, rounded(r.again))
	}
	return b.String()
}

func rounded(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// Who reads docs/reliability.md looks for what befell him.
func TestTheDocsNameEveryFault(t *testing.T) {
	text, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wards {
		for _, f := range w.faults {
			if !strings.Contains(string(text), "\n| "+f.name+" |") {
				t.Errorf("the table has no row for %q", f.name)
			}
		}
	}
}
