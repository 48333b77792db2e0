package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Root is the checkout's directory: the nearest one above the working
// directory that holds go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory: run this from within the checkout")
		}
	}
}

// EnvoyConfig is the path of the Envoy configuration that is shipped.
func EnvoyConfig() (string, error) {
	root, err := Root()
	return filepath.Join(root, "deploy", "envoy", "envoy.yaml"), err
}

// EnvoyBinary is the path of the Envoy to run, by the rule of tools/envoy.sh.
// It installs nothing: without an Envoy it is an error that says what to do.
func EnvoyBinary() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(root, "tools", "envoy.sh"), "--installed").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// BuildGuard builds jwtguard into a directory, as `make build` does, and gives
// the binary's path.
func BuildGuard(dir string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "jwtguard")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/jwtguard")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build jwtguard: %w\n%s", err, out)
	}
	return binary, nil
}
