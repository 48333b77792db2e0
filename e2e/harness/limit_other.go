//go:build unix && !linux

package harness

import "errors"

// LimitFiles needs Linux.
func (p *Process) LimitFiles(uint64) error { return errors.ErrUnsupported }

// Unlimit ends LimitFiles.
func (p *Process) Unlimit() error { return errors.ErrUnsupported }
