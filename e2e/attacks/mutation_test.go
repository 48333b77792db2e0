package attacks

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/attacks/mutant"
	"github.com/jwtguard/jwtguard/e2e/harness"
)

// mutated is set in the build that has mutants.
const mutated = "JWTGUARD_MUTATED"

// TestEachAttackNeedsEachOfItsChecks shows that each case is refused by the checks
// that it names, and by nothing else. It builds this very test with a guard whose
// checks can be switched off, and runs it there.
func TestEachAttackNeedsEachOfItsChecks(t *testing.T) {
	if os.Getenv(mutated) != "" {
		tryMutants(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), buildMutants(t), "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mutated+"=1")
	out, err := cmd.CombinedOutput()
	if passed := bytes.Count(out, []byte("--- PASS: "+t.Name()+"/")); err != nil || passed != len(cases(t)) {
		t.Errorf("%v: %d of %d cases passed\n%s", err, passed, len(cases(t)), failures(out))
	}
}

// tryMutants tries each case with its checks off: the attacker gets what he wants;
// and with all of them off but one: he does not.
func tryMutants(t *testing.T) {
	mutant.Secrets = encodings
	levels := attempts(t)
	succeed := func(t *testing.T, a *attack, p parts, want bool, off ...string) {
		t.Helper()
		mutant.Set(off...)
		defer mutant.Set()
		for level, try := range levels {
			if o, ran := try(t, a, p); ran && a.succeeds(o) != want {
				t.Errorf("on the %s, with %v off: %s; that it gets through should be %t", level, off, o.reason, want)
			}
		}
	}
	for _, a := range cases(t) {
		t.Run(a.id, func(t *testing.T) {
			p := good(t, a.Token)
			for i := range a.Checks {
				succeed(t, a, p, false, slices.Delete(slices.Clone(a.Checks), i, i+1)...)
			}
			succeed(t, a, p, true, a.Checks...)
		})
	}
}

// failures are the lines of a test's output about what failed.
func failures(out []byte) string {
	lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(l string) bool {
		return strings.Contains(l, "=== RUN") || strings.Contains(l, "--- PASS")
	})
	return strings.Join(lines, "\n")
}

// buildMutants gives the path of the test binary.
func buildMutants(t *testing.T) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	for file, source := range mutatedSources(t, root) {
		copied := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(copied, source, 0o644); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(root, file)] = copied
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, must(json.Marshal(overlay)), 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "mutants.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", list, "-o", binary, "./e2e/attacks")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the mutants: %v\n%s", err, out)
	}
	return binary
}

var packageClause = regexp.MustCompile(`(?m)^package \w+$`)

// mutatedSources are the files with the edits, each of which must find its text
// exactly once: an edit whose text was rewritten is to be rewritten as well.
func mutatedSources(t *testing.T, root string) map[string][]byte {
	t.Helper()
	sources := map[string][]byte{}
	for _, e := range sourceEdits {
		source := sources[e.file]
		if source == nil {
			var err error
			if source, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				t.Fatal(err)
			}
			end := packageClause.FindIndex(source)[1]
			source = slices.Insert(source, end, []byte("\n\nimport \"github.com/jwtguard/jwtguard/e2e/attacks/mutant\"")...)
		}
		if n := bytes.Count(source, []byte(e.text)); n != 1 {
			t.Fatalf("%s: %q stands there %d times, want once", e.file, e.text, n)
		}
		sources[e.file] = bytes.Replace(source, []byte(e.text), []byte(e.with), 1)
	}
	return sources
}

// attempt tries an attack at one level; ran is false if that level has no part in it.
type attempt func(t *testing.T, a *attack, p parts) (o outcome, ran bool)

func attempts(t *testing.T) map[string]attempt {
	v := verifier(t, 0) // what a mutant accepted must not be remembered
	guard := newGuard(t, v)
	c := dial(t, listen(t, guard, true))
	return map[string]attempt{
		"reader": func(_ *testing.T, a *attack, p parts) (outcome, bool) {
			if !a.token() || a.Upstream != nil { // what goes upstream is looked at twice
				return outcome{}, false
			}
			return read(v, a.Policy, p.Token), true
		},
		"server": func(t *testing.T, a *attack, p parts) (outcome, bool) {
			if err := guard.Swap(v); err != nil { // what is prepared when policies come into force
				t.Fatal(err)
			}
			return ask(t, c, raw, a, p), true
		},
	}
}

var offCalls = regexp.MustCompile(`(?:Off|One)\("([a-z0-9-]+)"`)

// TestEveryCheckHasACase: a check that can be switched off and that no case names
// could be gone without anybody noticing.
func TestEveryCheckHasACase(t *testing.T) {
	var texts []string
	for _, e := range sourceEdits {
		texts = append(texts, e.with)
	}
	for _, file := range must(filepath.Glob("mutant/*.go")) {
		texts = append(texts, string(must(os.ReadFile(file))))
	}
	known := map[string]bool{"exp-required": true, "iat-required": true} // the name is made there
	for _, m := range offCalls.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
		known[m[1]] = true
	}
	used := map[string]bool{}
	for _, a := range cases(t) {
		for _, c := range a.Checks {
			if used[c] = true; !known[c] {
				t.Errorf("%s: there is no check %s", a.id, c)
			}
		}
	}
	for c := range known {
		if !used[c] {
			t.Errorf("no case needs the check %s", c)
		}
	}
	if len(cases(t)) < 150 {
		t.Errorf("%d cases", len(cases(t)))
	}
}
