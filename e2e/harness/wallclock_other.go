//go:build !(linux && amd64)

package harness

import (
	"errors"
	"time"
)

// StepWall is not possible here.
func (p *Process) StepWall(time.Duration) error { return errors.ErrUnsupported }
