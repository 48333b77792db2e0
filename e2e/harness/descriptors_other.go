//go:build !linux

package harness

import "errors"

// Descriptors is not known here.
func (p *Process) Descriptors() (int, error) { return 0, errors.ErrUnsupported }

// LimitDescriptors is not possible here.
func (p *Process) LimitDescriptors(uint64) (uint64, error) { return 0, errors.ErrUnsupported }
