package envoygateway

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

const (
	// folder is what is tried.
	folder = "deploy/envoy-gateway"
	// limit is how long any one step may take.
	limit = 30 * time.Second
)

// TestMain runs the tests in the checkout's folder: there the harness finds what it
// builds and starts, and names of files read as they do in the docs.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
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

func guardBinary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "jwtguard-eg-"); built.err == nil {
			built.path, built.err = harness.BuildGuard(built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func envoyBinary(t testing.TB) string {
	t.Helper()
	binary, err := harness.EnvoyBinary()
	return needed(t, binary, err)
}

// egctl runs Envoy Gateway's command line and gives what it prints. It builds none:
// tools/egctl.sh does.
func egctl(t testing.TB, args ...string) string {
	t.Helper()
	said, err := harness.Command(stepContext(t), "tools/egctl.sh", "--installed")
	if err == nil && said.Status != 0 {
		err = fmt.Errorf("%s", said.Stderr)
	}
	binary := needed(t, strings.TrimSpace(said.Stdout), err)
	said, err = harness.Command(stepContext(t), binary, args...)
	if err != nil || said.Status != 0 {
		t.Fatalf("egctl %v: %v, status %d: %s%s", args, err, said.Status, said.Stdout, said.Stderr)
	}
	return said.Stdout
}

// needed skips a test whose program is missing, or fails where CI=true: there a skipped
// test would pass for a good one.
func needed(t testing.TB, binary string, err error) string {
	t.Helper()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return binary
}

// tempDir has a short path: a unix socket's may have no more than 107 bytes.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// tempFile is a file with this text.
func tempFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(tempDir(t), "file.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// stepContext bounds one step of a test.
func stepContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func replaceOnce(t testing.TB, text, from, to string) string {
	t.Helper()
	text, err := harness.ReplaceOnce(text, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
