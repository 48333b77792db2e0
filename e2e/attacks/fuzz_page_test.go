package attacks

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// Each fuzz target stands in docs/conformance.md with what it holds, and no other name.
func TestConformanceNamesTheFuzzTargets(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text := must(os.ReadFile(filepath.Join(root, "docs", "conformance.md")))
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("`(Fuzz[A-Z]\\w*)`").FindAllSubmatch(text, -1) {
		told[string(m[1])] = false
	}
	target := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != root:
			return filepath.SkipDir
		case !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		for _, m := range target.FindAllSubmatch(must(os.ReadFile(file)), -1) {
			if _, ok := told[string(m[1])]; !ok {
				t.Errorf("%s: the page does not tell of %s", file, m[1])
			}
			told[string(m[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, there := range told {
		if !there {
			t.Errorf("there is no target %s", name)
		}
	}
}
