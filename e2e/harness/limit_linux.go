package harness

import (
	"fmt"
	"syscall"
	"unsafe"
)

// LimitFiles makes writes of the running process fail that would take a file
// beyond so many bytes, as on a full disk. What fits is written: the line that
// does not is torn. Unlimit ends it.
func (p *Process) LimitFiles(bytes uint64) error {
	var limit syscall.Rlimit
	if err := p.prlimit(nil, &limit); err != nil {
		return err
	}
	// The hard limit stays, or there would be no way back.
	limit.Cur = min(bytes, limit.Max)
	return p.prlimit(&limit, nil)
}

// Unlimit ends LimitFiles.
func (p *Process) Unlimit() error { return p.LimitFiles(^uint64(0)) }

func (p *Process) prlimit(set, get *syscall.Rlimit) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.PID()), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(get)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("limit the files of %s: %w", p.Name, errno)
	}
	return nil
}
