package e2e

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// buildLine is how the Dockerfile makes the binary.
var buildLine = regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 .* go build .*) -o /jwtguard \./cmd/jwtguard$`)

// dockerfile gives the checkout's directory and the text of its Dockerfile.
func dockerfile(t *testing.T) (root, text string) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return root, string(b)
}

// TestTheImageHoldsAStaticBinaryThatRuns runs the Dockerfile's own build line:
// an image without a C library could not run anything else.
func TestTheImageHoldsAStaticBinaryThatRuns(t *testing.T) {
	root, text := dockerfile(t)
	m := buildLine.FindStringSubmatch(text)
	if m == nil {
		t.Fatal("the Dockerfile has no line that builds /jwtguard")
	}
	binary := filepath.Join(t.TempDir(), "jwtguard")
	build := exec.Command("sh", "-c", m[1]+" -o "+binary+" ./cmd/jwtguard")
	build.Dir = root
	build.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH, "VERSION=v0.0.0-test")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", m[1], err, out)
	}
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary is linked dynamically: it has a segment %v", p.Type)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	out, err := exec.Command(binary, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "jwtguard v0.0.0-test, ") {
		t.Errorf("version printed %q, %v", out, err)
	}
}

func TestTheImageRunsWithoutRootAndShell(t *testing.T) {
	_, text := dockerfile(t)
	_, final, found := strings.Cut(text, "\nFROM gcr.io/distroless/static-")
	if !found {
		t.Fatal("the last stage is not a distroless image without a C library")
	}
	if strings.Contains(final, "\nRUN ") {
		t.Error("the last stage runs a command, which needs a shell")
	}
	if !regexp.MustCompile(`(?m)^USER [1-9][0-9]*:[1-9][0-9]*$`).MatchString(final) {
		t.Error("the last stage does not name a numeric user other than root, which Kubernetes' runAsNonRoot needs")
	}
}
