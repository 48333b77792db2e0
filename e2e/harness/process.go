package harness

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to end by itself after SIGTERM:
// more than the guard's drain of 5 s and Envoy's need together.
const stopGrace = 15 * time.Second

// A Process is a program that this one started, in a process group of its own.
type Process struct {
	Name   string
	Stdout *Lines
	Stderr *Lines

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for
	err  error         // of Wait; read after done
}

// StartProcess starts a program. The caller stops it.
func StartProcess(name, path string, args ...string) (*Process, error) {
	return startProcess(name, exec.Command(path, args...))
}

func startProcess(name string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: name, Stdout: NewLines(), Stderr: NewLines(), cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Stdout, p.Stderr
	cmd.SysProcAttr = processAttributes()
	started := make(chan error)
	go func() {
		// The kernel ties the child to the thread that started it, so this
		// thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the exit code of a process that has ended, -1 if a signal ended
// it.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the process's group. That the process has ended
// already is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := syscall.Kill(-p.PID(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s: %w", p.Name, err)
	}
	return nil
}

// Kill ends the process at once (SIGKILL) and waits for its end.
func (p *Process) Kill() error {
	err := p.Signal(syscall.SIGKILL)
	<-p.done
	return err
}

// Stop asks the process to end (SIGTERM), waits, and kills it if it does not;
// that it had to be killed is an error.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopGrace):
	}
	if err := p.Kill(); err != nil {
		return err
	}
	return fmt.Errorf("stop %s: still running %v after SIGTERM, killed", p.Name, stopGrace)
}

// ended is the error for a process that ended while it was needed.
func (p *Process) ended() error {
	return fmt.Errorf("it ended (%v)", p.cmd.ProcessState)
}
