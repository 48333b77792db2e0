package ledger

import (
	"errors"
	"fmt"
)

// DamageError says what is wrong with a ledger, beyond a torn tail.
type DamageError struct {
	File string // its path; empty for a stream
	Line int    // 0: the file as a whole
	What string
}

// Error says where and what, and of a file how to go on.
func (e *DamageError) Error() string {
	if e.File == "" {
		return e.brief()
	}
	which := "recorded from there on"
	if e.Line == 0 {
		which = "of before"
	}
	return fmt.Sprintf("%s: %s: restore the file, or start with --accept-state-loss, knowing that retirements %s may be forgotten on this guard", e.File, e.brief(), which)
}

// brief is what is wrong, and at which line.
func (e *DamageError) brief() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.What)
	}
	return e.What
}

// TornError says that a stream ends amid a line: its writer was stopped, or is
// not done yet.
type TornError struct {
	Bytes int64 // after the last newline
}

func (e *TornError) Error() string {
	return fmt.Sprintf("%d bytes after the last complete line", e.Bytes)
}

// What can be wrong with one line.
var (
	errLong  = fmt.Errorf("longer than %d bytes", maxLine)
	errForm  = errors.New("not a line of a ledger")
	errHash  = errors.New("its hash does not match its content")
	errJSON  = errors.New("not strict JSON")
	errChain = errors.New("its prev is not the hash of the line before, or its seq not the next")
)
