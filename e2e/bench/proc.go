package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// cpuOf is the processor time of a process so far, user and system, with all its
// threads. /proc/PID/stat has it too, but in steps of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	// CLOCK_PROCESS_CPUTIME_ID of another process; see clock_getcpuclockid(3).
	const sched = 2
	clock := ^int32(pid)<<3 | sched
	var t syscall.Timespec
	if _, _, e := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0); e != 0 {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, e)
	}
	return time.Duration(t.Nano()), nil
}

// What /proc/PID/status calls the resident memory of a process: now, and the most
// that it ever was.
const (
	resident     = "VmRSS:"
	residentPeak = "VmHWM:"
)

// memoryOf is one of these in bytes.
func memoryOf(pid int, field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status: no %s", pid, field)
}

// memoryOfAll is the resident memory of each server.
func memoryOfAll(servers []*server) ([]int64, error) {
	all := make([]int64, len(servers))
	for i, s := range servers {
		var err error
		if all[i], err = memoryOf(s.process.PID(), resident); err != nil {
			return nil, err
		}
	}
	return all, nil
}
