// Package harnesstest is the harness for tests: what goes wrong ends the test, and what
// was taken is given back at its end.
package harnesstest

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// StepLimit is how long any one step of a test may take; tests that expect it to end
// sooner say so themselves.
const StepLimit = 30 * time.Second

// Main runs the tests of a package in the folder of the checkout, which is given as seen
// from the package: there the harness finds what it builds and starts, and names of
// files read as they do in the docs.
func Main(m *testing.M, checkout string) {
	if err := os.Chdir(checkout); err != nil {
		panic(err)
	}
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// built holds the guard's binary, built once by whoever asks first.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// GuardBinary is jwtguard, built once for all tests of a package that has [Main], where
// any user may run it.
func GuardBinary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "jwtguard-test-"); built.err != nil {
			return
		}
		if built.err = os.Chmod(built.dir, 0o755); built.err == nil {
			built.path, built.err = harness.BuildGuard(built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// EnvoyBinary is the Envoy to run.
func EnvoyBinary(t testing.TB) string {
	t.Helper()
	binary, err := harness.EnvoyBinary()
	Need(t, err)
	return binary
}

// Need ends a test for which something is missing, if err says so: it is skipped, and
// fails where CI=true, since a skipped test would pass for a good one there.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// TempDir is a directory with a short path: a unix socket's may have no more than 107
// bytes.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Step bounds one step of a test.
func Step(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), StepLimit)
	t.Cleanup(cancel)
	return ctx
}

// ReadFile is the text of a file.
func ReadFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ReplaceOnce is [harness.ReplaceOnce].
func ReplaceOnce(t testing.TB, text, from, to string) string {
	t.Helper()
	text, err := harness.ReplaceOnce(text, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
