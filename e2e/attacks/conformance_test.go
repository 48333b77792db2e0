package attacks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

var (
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	classRow = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| ([0-9]+) \\|")
	total    = regexp.MustCompile(`holds ([0-9]+) attacks`)
)

// TestConformanceNamesWhatExists holds the names in docs/conformance.md against the
// source: files, test functions, cases, and how many of these there are.
func TestConformanceNamesWhatExists(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text := string(must(os.ReadFile(filepath.Join(root, "docs", "conformance.md"))))
	tests := testsIn(t, root)
	all, classes := map[string]bool{}, map[string]int{}
	for _, a := range cases(t) {
		all[a.id] = true
		classes[a.class]++
	}

	found := map[string]int{}
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		name := m[1]
		class, _, isCase := strings.Cut(name, "/")
		switch {
		case strings.HasPrefix(name, "Test"):
			if found["tests"]++; len(tests[name]) == 0 {
				t.Errorf("there is no test %s", name)
			}
		case isCase && classes[class] > 0:
			if found["cases"]++; !all[name] {
				t.Errorf("there is no case %s", name)
			}
		case strings.HasSuffix(name, ".go"):
			found["files"]++
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
				t.Error(err)
			}
		}
	}
	for _, what := range []string{"tests", "cases", "files"} {
		if found[what] < 50 {
			t.Errorf("only %d %s were found on the page", found[what], what)
		}
	}

	for _, m := range classRow.FindAllStringSubmatch(text, -1) {
		if got := fmt.Sprint(classes[m[1]]); got != m[2] {
			t.Errorf("the page counts %s cases in %s, there are %s", m[2], m[1], got)
		}
		delete(classes, m[1])
	}
	for class := range classes {
		t.Errorf("the page does not have the class %s", class)
	}
	if m := total.FindStringSubmatch(text); m == nil || m[1] != fmt.Sprint(len(all)) {
		t.Errorf("the page speaks of %q, there are %d", m, len(all))
	}
}

// testsIn are the test functions of the module, with the folders that hold one of
// that name.
func testsIn(t *testing.T, root string) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != root:
			return filepath.SkipDir
		case !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			name := string(m[1])
			tests[name] = append(tests[name], filepath.ToSlash(folder))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
