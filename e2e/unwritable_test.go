package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// A guard that could not write would forget what it is told: it says so at once.
func TestAGuardNeedsADirectoryThatItMayWriteTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{alone: true, state: newState(t)})
	if err := w.guard.Stop(); err != nil {
		t.Fatal(err)
	}
	dir := harnesstest.TempDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	config := w.config
	state := config[strings.LastIndex(config, "state_dir: "):]
	w.config = strings.Replace(config, state, "state_dir: "+filepath.Join(file, "state")+"\n", 1)
	w.startsNot("state_dir "+filepath.Join(file, "state"), "not a directory")

	// Permissions do not bind root: it is another user that starts the guard.
	shut := filepath.Join(dir, "shut")
	if err := os.Mkdir(shut, 0o555); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	for _, path := range []string{dir, w.guardDir, w.dir, filepath.Dir(w.binary)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(w.guardDir, "shut.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(config, state, "state_dir: "+shut+"\n", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(harnesstest.Step(t), w.binary, "serve", "-c", path)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"state_dir " + shut, "permission denied", "it must be a directory that this user may write to"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q: %s", want, out)
		}
	}
}
