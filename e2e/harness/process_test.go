//go:build unix

package harness_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// parentVariable makes the test binary a parent that waits to be killed.
const parentVariable = "HARNESS_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) != "" {
		p, err := harness.StartProcess("sleep", "sleep", "1000")
		if err != nil {
			panic(err)
		}
		fmt.Println(p.PID())
		time.Sleep(time.Minute)
		return
	}
	os.Exit(m.Run())
}

func TestAProcessDiesWithWhoStartedIt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux does this")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), parentVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 32)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(child) {
		t.Fatal("the child does not run")
	}
	cmd.Process.Kill()
	cmd.Wait()
	for deadline := time.Now().Add(5 * time.Second); alive(child); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			syscall.Kill(child, syscall.SIGKILL)
			t.Fatal("the child outlived its parent")
		}
	}
}

// alive tells whether a process runs, zombies not counted: in a container
// nobody may reap an orphan.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	p, err := harness.StartProcess("sh", "sh", "-c", "sleep 1000 & echo $!; wait")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	line, _, err := p.Stdout.Next(ctx, 0, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(5 * time.Second); alive(grandchild); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a grandchild outlived Stop")
		}
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	if _, err := harness.StartProcess("envoy", "/nowhere/envoy"); err == nil || !strings.Contains(err.Error(), "start envoy: ") {
		t.Errorf("%v", err)
	}
}

func TestNextFindsLinesHoweverTheyAreCut(t *testing.T) {
	l := harness.NewLines()
	go func() {
		for _, piece := range []string{"on", "e\ntw", "o\n\nthree"} {
			l.Write([]byte(piece))
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	from := 0
	for _, want := range []string{"one", "two", ""} {
		line, next, err := l.Next(ctx, from, func(string) bool { return true })
		if err != nil || line != want {
			t.Fatalf("%q, %v; want %q", line, err, want)
		}
		from = next
	}
	if l.Len() != 3 || !strings.HasSuffix(l.String(), "\nthree") {
		t.Errorf("%d lines: %q", l.Len(), l.String())
	}
}
