package grafana

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// sdk finds the Foundation SDK.
func sdk(t *testing.T) string {
	t.Helper()
	path, err := exec.Command("../../tools/grafana-sdk.sh", "--installed").Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(string(exit.Stderr))
		}
		harnesstest.Need(t, err)
	}
	return strings.TrimSpace(string(path))
}

// Somebody who changes the code, or a dashboard by hand, is told: what is shipped is
// what the code makes, to the byte.
func TestDashboardsAreWhatTheCodeMakes(t *testing.T) {
	path, dir := sdk(t), t.TempDir()
	command := exec.Command("python3", "-B", "dashboards.py", dir)
	command.Env = append(os.Environ(), "PYTHONPATH="+path)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("dashboards.py: %v\n%s", err, out)
	}
	made, shipped := documents(t, dir), documents(t, ".")
	if diff := cmp.Diff(shipped, made); diff != "" {
		t.Errorf("run make dashboards: the files differ from what the code makes (- file, + code):\n%s", diff)
	}
	if len(shipped) != 3 {
		t.Errorf("%d dashboards", len(shipped))
	}
}

// documents are the JSON files of a directory by their names.
func documents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = string(text)
	}
	return all
}
