package harness

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ownClock is what a process reads its clocks by, once its wall clock may be stepped:
// clock_gettime as the kernel has it, and seconds added to CLOCK_REALTIME (which is 0).
var ownClock = []byte{
	0x57,                         // push rdi: the clock
	0x56,                         // push rsi: where the time goes
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228: clock_gettime
	0x0f, 0x05, // syscall
	0x5e,       // pop rsi
	0x5f,       // pop rdi
	0x85, 0xff, // test edi, edi
	0x75, 0x0d, // jne to the ret
	0x48, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0, // mov rcx, seconds
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0xc3, // ret
}

const (
	secondsIn = 17 // ownClock: where the seconds stand
	jumpSize  = 5  // of what leads from the kernel's function to ownClock
	// pcTries is how often the process is stopped until none of its threads stands
	// where the jump goes; one try nearly always does.
	pcTries = 100
)

// StepWall makes the wall clock of the running process differ from the machine's by
// so much, in whole seconds, from the next reading on; its monotonic clock goes on as
// before. Nobody else's clocks are touched: what changes is the process's own copy of
// the function that the kernel maps into it (vDSO), which it reads its clocks by.
// The error is [errors.ErrUnsupported] where that cannot be done.
func (p *Process) StepWall(d time.Duration) error {
	err := p.stepWall(d)
	if err != nil {
		err = fmt.Errorf("step the wall clock of %s: %w", p.Name, err)
	}
	return err
}

func (p *Process) stepWall(d time.Duration) error {
	start, size, err := p.vdso()
	if err != nil {
		return err
	}
	memory, err := os.OpenFile(p.proc("mem"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	image := make([]byte, size)
	if _, err := memory.ReadAt(image, start); err != nil {
		return err
	}
	place := int64(size - len(ownClock)) // the end of the last page is padding
	seconds := binary.LittleEndian.AppendUint64(nil, uint64(int64(d/time.Second)))
	if bytes.HasPrefix(image[place:], ownClock[:secondsIn]) {
		_, err := memory.WriteAt(seconds, start+place+secondsIn)
		return err
	}
	if len(bytes.Trim(image[place:], "\x00")) > 0 {
		return fmt.Errorf("its vDSO has no room: %w", errors.ErrUnsupported)
	}
	function, err := clockFunction(image)
	if err != nil {
		return err
	}
	code := bytes.Clone(ownClock)
	copy(code[secondsIn:], seconds)
	if _, err := memory.WriteAt(code, start+place); err != nil {
		return errors.Join(errors.ErrUnsupported, err)
	}
	jump := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(place-function-jumpSize))
	return p.whileOutside(start+function, func() error {
		_, err := memory.WriteAt(jump, start+function)
		return err
	})
}

// vdso is where the kernel's functions lie in the process.
func (p *Process) vdso() (start int64, size int, err error) {
	maps, err := os.ReadFile(p.proc("maps"))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		var end int64
		if !strings.Contains(line, "[vdso]") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &start, &end); err != nil {
			return 0, 0, err
		}
		return start, int(end - start), nil
	}
	return 0, 0, fmt.Errorf("it has no vDSO: %w", errors.ErrUnsupported)
}

// clockFunction is where clock_gettime begins in the vDSO.
func clockFunction(image []byte) (int64, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return int64(s.Value), nil
		}
	}
	return 0, fmt.Errorf("its vDSO has no clock_gettime: %w", errors.ErrUnsupported)
}

// whileOutside stops the process, and does something while no thread of it is amid
// the instructions that a jump at this address replaces.
func (p *Process) whileOutside(address int64, do func() error) error {
	for range pcTries {
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		if p.outside(address) {
			return errors.Join(do(), p.Signal(syscall.SIGCONT))
		}
		if err := p.Signal(syscall.SIGCONT); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("its threads do not stop")
}

// outside tells whether all threads have stopped, and elsewhere.
func (p *Process) outside(address int64) bool {
	threads, err := filepath.Glob(p.proc("task/*/syscall"))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		fields := strings.Fields(string(text)) // "running", or numbers that end with the program counter
		if err != nil || len(fields) < 3 {
			return false
		}
		var pc int64
		if _, err := fmt.Sscanf(fields[len(fields)-1], "0x%x", &pc); err != nil || pc > address && pc < address+jumpSize {
			return false
		}
	}
	return true
}

func (p *Process) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", p.PID(), name) }
