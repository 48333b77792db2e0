package envoygateway

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// folder is what is tried.
const folder = "deploy/envoy-gateway"

func TestMain(m *testing.M) { harnesstest.Main(m, "../../..") }

// egctl runs Envoy Gateway's command line and gives what it prints. It builds none:
// tools/egctl.sh does.
func egctl(t testing.TB, args ...string) string {
	t.Helper()
	said, err := harness.Command(harnesstest.Step(t), "tools/egctl.sh", "--installed")
	if err == nil && said.Status != 0 {
		err = fmt.Errorf("%s", said.Stderr)
	}
	harnesstest.Need(t, err)
	binary := strings.TrimSpace(said.Stdout)
	said, err = harness.Command(harnesstest.Step(t), binary, args...)
	if err != nil || said.Status != 0 {
		t.Fatalf("egctl %v: %v, status %d: %s%s", args, err, said.Status, said.Stdout, said.Stderr)
	}
	return said.Stdout
}

// tempFile is a file with this text.
func tempFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(harnesstest.TempDir(t), "file.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
