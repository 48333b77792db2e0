package e2e

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// limit is how long any one step may take; tests that expect it to end sooner
// say so themselves.
const limit = 30 * time.Second

// envoyBinary gives the Envoy to run. Without one the test is skipped, or fails
// where CI=true: there a skipped test would pass for a good one.
func envoyBinary(t testing.TB) string {
	t.Helper()
	binary, err := harness.EnvoyBinary()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return binary
}

// shippedConfig is the text of deploy/envoy/envoy.yaml.
func shippedConfig(t testing.TB) string {
	t.Helper()
	path, err := harness.EnvoyConfig()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// built holds the guard's binary, built once by whoever asks first.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func guardBinary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "jwtguard-e2e-"); built.err == nil {
			built.path, built.err = harness.BuildGuard(built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// tempDir is a directory with a short path: a unix socket's may have no more
// than 107 bytes.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stepContext bounds one step of a test.
func stepContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}
