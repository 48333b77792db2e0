package mesh

import (
	"os"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

func TestMain(m *testing.M) { harnesstest.Main(m, "../..") }

// openDir is a folder that any user may enter.
func openDir(t testing.TB) string {
	t.Helper()
	dir := harnesstest.TempDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
