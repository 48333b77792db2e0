package harness

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

// StartHotEnvoy is StartEnvoy for one that a later Envoy may take over from without
// closing its listeners (hot restart): that one has the same base, which no other
// Envoy of the machine may have, and the next epoch, the first of which is 0. The one
// before then ends by itself. The first listener needs a port that is not 0: it is
// found again by that.
func StartHotEnvoy(ctx context.Context, binary, dir, config string, base uint32, epoch int) (*Envoy, error) {
	e, err := startEnvoy(ctx, binary, filepath.Join(dir, fmt.Sprintf("envoy-%d", epoch)), config,
		"--base-id", strconv.FormatUint(uint64(base), 10),
		"--restart-epoch", strconv.Itoa(epoch),
		"--drain-time-s", "1", "--parent-shutdown-time-s", "2")
	if err != nil {
		return nil, fmt.Errorf("epoch %d: %w", epoch, err)
	}
	return e, nil
}
