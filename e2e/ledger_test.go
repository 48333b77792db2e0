package e2e

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/ledger"
)

// ledgerText is what stands in a state directory's ledger, all its files as one
// chain, which has to verify. Only one that a kill cut short may end amid a line.
func ledgerText(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "ledger-[0-9]*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	// By the number in the name: shorter ones are smaller.
	slices.SortFunc(files, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	var text []byte
	for _, file := range append(files, filepath.Join(dir, "ledger.jsonl")) {
		more, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, more...)
	}
	lines := 0
	for l, err := range ledger.Verify(bytes.NewReader(text)) {
		if torn := new(ledger.TornError); err != nil && !errors.As(err, &torn) {
			t.Fatalf("%s: %v", dir, err)
		}
		if err == nil && l.Number == 1 && strings.Trim(l.Prev, "0") != "" {
			t.Fatalf("%s: does not begin a chain: %s", dir, l.Text)
		}
		lines++
	}
	if lines == 0 {
		t.Fatalf("%s: no lines", dir)
	}
	return string(text)
}

// stops are the ways in which a guard may end.
var stops = map[string]func(*harness.Guard) error{
	"SIGTERM": func(g *harness.Guard) error { return g.Stop() },
	"kill -9": func(g *harness.Guard) error { return g.Kill() },
}
