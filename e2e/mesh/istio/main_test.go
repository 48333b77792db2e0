package istio

import (
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

func TestMain(m *testing.M) { harnesstest.Main(m, "../../..") }
