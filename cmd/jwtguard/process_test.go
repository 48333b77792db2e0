package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "jwtguard")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

func TestProcessLivesAndDiesBySignals(t *testing.T) {
	binary := build(t)
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

// Whatever becomes of standard error, the guard answers, reloads and stops.
func TestProcessLivesWithoutALogReader(t *testing.T) {
	binary := build(t)
	for name, prepare := range map[string]func(r, w *os.File) error{
		"a pipe that nobody reads": func(_, w *os.File) error {
			if err := w.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
				return err
			}
			if _, err := w.Write(make([]byte, 8<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("the pipe is not full: %w", err)
			}
			return w.SetWriteDeadline(time.Time{})
		},
		"a pipe whose reader is gone": func(r, _ *os.File) error { return r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(w.usual())
			reader, writer, err := os.Pipe()
			w.must(err)
			defer reader.Close()
			defer writer.Close()
			w.must(prepare(reader, writer))
			guard := exec.Command(binary, "serve", "-c", w.file, "--log-level", "debug")
			guard.Stderr = writer
			w.must(guard.Start())
			ended := make(chan error, 1)
			go func() { ended <- guard.Wait() }()
			defer func() { _ = guard.Process.Kill() }()

			w.answers("ok")
			w.write(w.usual() + "policies: {default: {required_scopes: [pay]}}\n")
			w.must(guard.Process.Signal(syscall.SIGHUP))
			w.answers("scope_insufficient")
			w.must(guard.Process.Signal(syscall.SIGTERM))
			select {
			case err := <-ended:
				w.must(err)
			case <-time.After(patienceOfTests):
				t.Fatal("SIGTERM does not end it")
			}
		})
	}
}

// answers waits until the guard of this world gives a reason.
func (w *world) answers(reason string) {
	w.t.Helper()
	var v verdict
	var err error
	for deadline := time.Now().Add(patienceOfTests); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		e := dial(w.t, "unix", w.path("authz.sock")) // a new one, that does not back off
		v, err = e.check(w.token())
		e.Close()
		if err == nil && v.Reason == reason {
			return
		}
	}
	w.t.Fatalf("%+v, %v, want %s", v, err, reason)
}
