package e2e

import (
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// limit is how long any one step may take; tests that expect it to end sooner
// say so themselves.
const limit = harnesstest.StepLimit

func TestMain(m *testing.M) { harnesstest.Main(m, ".") }

// shippedConfig is the text of deploy/envoy/envoy.yaml.
func shippedConfig(t testing.TB) string {
	t.Helper()
	path, err := harness.EnvoyConfig()
	if err != nil {
		t.Fatal(err)
	}
	return harnesstest.ReadFile(t, path)
}
