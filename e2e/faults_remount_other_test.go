//go:build !linux

package e2e

import "errors"

func remount(string, bool) error { return errors.ErrUnsupported }
