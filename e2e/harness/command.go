package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// Said is what a command wrote, and its exit status.
type Said struct {
	Status         int
	Stdout, Stderr string
}

// Command runs a program to its end, or until ctx ends it. A status other than 0
// is no error; one that a signal ended has the status -1.
func Command(ctx context.Context, path string, args ...string) (Said, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = nil
	}
	if err != nil {
		return Said{}, fmt.Errorf("run %s: %w", path, err)
	}
	return Said{cmd.ProcessState.ExitCode(), out.String(), errs.String()}, nil
}
