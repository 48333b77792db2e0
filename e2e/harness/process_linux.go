package harness

import "syscall"

// processAttributes puts a child into a group of its own and has the kernel
// kill it if we die without stopping it.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
