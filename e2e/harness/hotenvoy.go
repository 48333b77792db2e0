package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// StartHotEnvoy is StartEnvoy for one that a later Envoy may take over from without
// closing its listeners (hot restart): that one has the same base, which no other
// Envoy of the machine may have, and the next epoch, the first of which is 0. The one
// before then ends by itself. The first listener needs a port that is not 0: it is
// found again by that.
func StartHotEnvoy(ctx context.Context, binary, dir, config string, base uint32, epoch int) (*Envoy, error) {
	file := filepath.Join(dir, fmt.Sprintf("envoy-%d.yaml", epoch))
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	adminFile := filepath.Join(dir, fmt.Sprintf("envoy-admin-%d.txt", epoch))
	if err := os.RemoveAll(adminFile); err != nil {
		return nil, err
	}
	p, err := StartProcess("envoy", binary,
		"-c", file,
		"--concurrency", "2",
		"--log-level", "warning",
		"--admin-address-path", adminFile,
		"--base-id", strconv.FormatUint(uint64(base), 10),
		"--restart-epoch", strconv.Itoa(epoch),
		"--drain-time-s", "1", "--parent-shutdown-time-s", "2",
		"--file-flush-interval-msec", "20")
	if err != nil {
		return nil, err
	}
	e := &Envoy{Process: p}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := e.ready(ctx, adminFile); err != nil {
		p.Kill()
		return nil, fmt.Errorf("start envoy, epoch %d: %w: %s", epoch, err, p.Stderr)
	}
	return e, nil
}
