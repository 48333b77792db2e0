package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// process is the command as users run it.
type process struct {
	*world
	*harness.Process
}

func (w *world) process(binary string, args ...string) process {
	w.t.Helper()
	p, err := harness.StartProcess("jwtguard", binary, args...)
	w.must(err)
	w.t.Cleanup(func() { p.Kill() })
	return process{w, p}
}

func (p process) says(part string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	if _, _, err := p.Stderr.Next(ctx, 0, func(line string) bool { return strings.Contains(line, part) }); err != nil {
		p.t.Fatalf("it does not say %q:\n%s", part, p.Stderr)
	}
}

func TestProcessLivesAndDiesBySignals(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "jwtguard")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w := newWorld(t)
	w.write(w.usual())
	first := w.process(binary, "serve", "-c", w.file, "--log-format", "json")
	first.says(`"msg":"ready"`)
	dial(t, "unix", w.path("authz.sock")).gets(w.token(), "ok")
	w.must(first.Signal(syscall.SIGKILL))
	<-first.Done()

	// The socket file of the killed one is in the way of nobody.
	second := w.process(binary, "serve", "-c", w.file)
	second.says("msg=ready")
	dial(t, "unix", w.path("authz.sock")).gets(w.token(), "ok")
	w.must(second.Signal(syscall.SIGHUP))
	second.says("msg=config_reloaded why=SIGHUP")

	w.must(second.Signal(syscall.SIGTERM))
	if code := second.ExitCode(); code != exitDone {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	second.says("msg=stopped")
	if out := first.Stdout.String() + second.Stdout.String(); out != "" {
		t.Errorf("on standard output: %s", out)
	}

	w.write("nonsense: 1\n")
	if code := w.process(binary, "serve", "-c", w.file).ExitCode(); code != exitUsage {
		t.Errorf("exit code %d for a file that is not valid", code)
	}
}
