package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// run measures every part of the plan in turn. What was measured before an error is
// printed all the same.
func (p plan) run(ctx context.Context, out io.Writer) (err error) {
	if err := p.check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "jwtguard-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say("building jwtguard")
	binary, err := harness.BuildGuard(dir)
	if err != nil {
		return err
	}
	page := &page{out: out}
	page.head(ctx, p, binary)
	for _, part := range parts {
		if len(p.only) > 0 && !slices.Contains(p.only, part.name) {
			continue
		}
		if err := part.run(ctx, page, p, binary); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return page.err
}
