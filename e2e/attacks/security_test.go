package attacks

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

var (
	testCommand = regexp.MustCompile(`^go test (?:\./)?(\S+)(?: -run '(\S+)')?$`)
	sourcePath  = regexp.MustCompile(`^(cmd|deploy|docs|e2e|internal|pkg|tools)/\S+$|^\w+\.go$`)
	attackClass = regexp.MustCompile(`^[a-z0-9-]+/$`)
	link        = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	heading     = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// TestSecurityNamesWhatExists holds the names in docs/security.md against the source:
// files, classes of attacks, links, and the tests that its commands run, each in the
// package that the command names. A command that runs nothing would pass.
func TestSecurityNamesWhatExists(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	page := string(must(os.ReadFile(filepath.Join(root, "docs", "security.md"))))
	tests := testsIn(t, root)
	classes := map[string]bool{} // false: not named yet
	for _, a := range cases(t) {
		classes[a.class] = false
	}
	exists := func(name string) {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
	}

	found := map[string]int{}
	for _, m := range codeSpan.FindAllStringSubmatch(page, -1) {
		name := strings.ReplaceAll(m[1], `\|`, "|") // as a table has it
		command := testCommand.FindStringSubmatch(name)
		switch {
		case command != nil:
			found["commands"]++
			exists(command[1])
			for test := range strings.SplitSeq(command[2], "|") {
				if test != "" && !slices.Contains(tests[test], path.Clean(command[1])) {
					t.Errorf("there is no test %s in %s", test, command[1])
				}
			}
		case strings.HasPrefix(name, "go test"):
			t.Errorf("not the form of the other commands: %s", name)
		case strings.HasPrefix(name, "Test"):
			if len(tests[name]) == 0 {
				t.Errorf("there is no test %s", name)
			}
		case attackClass.MatchString(name):
			class := strings.TrimSuffix(name, "/")
			if _, ok := classes[class]; !ok {
				t.Errorf("there is no class %s", name)
			}
			classes[class] = true
		case sourcePath.MatchString(name):
			found["files"]++
			exists(name)
		}
	}
	for _, m := range link.FindAllStringSubmatch(page, -1) {
		found["links"]++
		text := page
		if m[1] != "" {
			text = string(must(os.ReadFile(filepath.Join(root, "docs", m[1]))))
		}
		if m[2] != "" && !slices.Contains(anchorsIn(text), m[2]) {
			t.Errorf("%s has no section %s", m[1], m[2])
		}
	}
	for class, named := range classes {
		if !named {
			t.Errorf("the page does not have the class %s", class)
		}
	}
	for what, least := range map[string]int{"commands": 30, "files": 30, "links": 5} {
		if found[what] < least {
			t.Errorf("only %d %s were found on the page", found[what], what)
		}
	}
}

// anchorsIn are the names by which sections can be linked to.
func anchorsIn(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return all
}
