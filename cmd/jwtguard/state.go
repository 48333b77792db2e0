package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// lockWithin is how long a starting guard waits for the state directory: its
	// predecessor gives it back when it begins to drain.
	lockWithin = 15 * time.Second
	// pastEvents is how much of what happened before the start is shown to who reads
	// events: a rotation of a fleet's keys, and what led to it.
	pastEvents = 200
	// releaseWithin is how long a stopping guard takes to write what it knows of
	// the use of keys. A disk that hangs must not use up the time to stop.
	releaseWithin = 2 * time.Second
)

// stateError is why the state directory cannot be used: the guard ran, and the
// answer is no.
type stateError struct{ error }

func (e stateError) Unwrap() error { return e.error }

// openLedger opens the ledger of a configuration; nil without a state directory.
// It waits for a predecessor to let go, until ctx ends.
func openLedger(ctx context.Context, c *config.Config, acceptLoss bool, log *slog.Logger) (*ledger.Ledger, error) {
	if c.StateDir == "" {
		if acceptLoss {
			return nil, stateError{fmt.Errorf("%s: state_dir: not set, and so nothing can be lost: leave --accept-state-loss out", c.File)}
		}
		return nil, nil
	}
	l, err := ledger.Open(ctx, ledger.Config{
		Dir: c.StateDir, Guard: guardID(c), Version: versionText(),
		ReadKey: jose.ReadMaterial, AcceptLoss: acceptLoss, Wait: lockWithin, Log: log,
	})
	if err != nil {
		return nil, stateError{fmt.Errorf("%s: %w", c.File, err)}
	}
	for _, f := range l.Findings() {
		log.Warn("ledger_finding", "detail", f)
	}
	return l, nil
}

// guardID is who the guard is in its records.
func guardID(c *config.Config) string {
	host, _ := os.Hostname()
	return cmp.Or(c.Guard, host, "jwtguard")
}

// restored are the key sets that the ledger remembers, by iss.
func restored(l *ledger.Ledger) map[string]*keyset.Set {
	sets := map[string]*keyset.Set{}
	for _, r := range l.Restored() {
		sets[r.Issuer] = r.Set
	}
	return sets
}

// past is what happened to keys before the start, as far as it is shown.
func (g *guard) past() [][]byte {
	if g.ledger == nil {
		return nil
	}
	lines, err := g.ledger.Recent(context.Background(), pastEvents)
	if err != nil {
		g.log.Warn("ledger_finding", "detail", fmt.Sprintf("events before the start are not shown: %v", err))
	}
	return lines
}

// kept tells why orders are not kept beyond the life of this process; nil: they
// are.
func (g *guard) kept() error {
	switch {
	case g.released.Load():
		return admin.ErrReleased
	case g.ledger == nil:
		return errors.New("there is no state_dir")
	}
	return nil
}

// release writes what is not written yet and gives the state directory back. The
// guard goes on answering, but takes no orders.
func (g *guard) release() {
	if g.released.Swap(true) || g.ledger == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseWithin)
	defer cancel()
	if err := g.ledger.Release(ctx); err != nil {
		g.log.Error("ledger_release_failed", "error", err.Error())
	}
}
