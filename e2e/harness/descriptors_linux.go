package harness

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Descriptors is how many files and connections the process has open.
func (p *Process) Descriptors() (int, error) {
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	return len(all), err
}

// LimitDescriptors is how many the running process may have open, and what the
// limit was before. It keeps those that it has beyond it.
func (p *Process) LimitDescriptors(most uint64) (before uint64, err error) {
	var limit syscall.Rlimit
	if err := p.descriptorLimit(nil, &limit); err != nil {
		return 0, err
	}
	before = limit.Cur
	// The hard limit stays, or there would be no way back.
	limit.Cur = min(most, limit.Max)
	return before, p.descriptorLimit(&limit, nil)
}

func (p *Process) descriptorLimit(set, get *syscall.Rlimit) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.PID()), syscall.RLIMIT_NOFILE,
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(get)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("limit the descriptors of %s: %w", p.Name, errno)
	}
	return nil
}
