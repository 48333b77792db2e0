package model

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// stateDir is the directory of the ledger, on the [disk].
const stateDir = "/state"

// book is the ledger of one run of the guard. With faults it forgets, as mutants
// do.
type book struct {
	*ledger.Ledger
	faults faultsOf
	sets   map[string]*keyset.Set
	waits  atomic.Int64 // commits under way
}

func openBook(w *world) (*book, error) {
	l, err := ledger.Open(context.Background(), ledger.Config{
		Dir: stateDir, Guard: "guard", Version: "test", ReadKey: jose.ReadMaterial, RotateAt: rotateAt, Files: w.disk.files(),
	})
	if err != nil {
		return nil, err
	}
	b := &book{Ledger: l, faults: w.faults, sets: map[string]*keyset.Set{}}
	for _, r := range l.Restored() {
		b.sets[r.Issuer] = r.Set
		if w.faults.restore != nil {
			b.sets[r.Issuer] = keyset.Restore(r.Set.Observed(), w.faults.restore(r.Set.Keys()))
		}
	}
	return b, nil
}

// run starts the writer; stop ends it.
func (b *book) run(now func() keyset.Instant) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, now) }()
	return func() {
		cancel()
		<-ended
	}
}

// kept tells whether all that happened is on the disk.
func (b *book) kept() bool {
	s := b.Status()
	return s.Failing == nil && s.Queued == 0
}

// release gives the ledger back, as a guard does that stops.
func (b *book) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return b.Release(ctx)
}

// rotateAt makes the ledger begin a new file some times in a schedule.
const rotateAt = 16 << 10 // bytes

// Record and Commit make a book a [jwkscache.Journal].
func (b *book) Record(c keyset.Change) func(context.Context) error {
	if b.faults.forgetful && len(c.Events) > 0 && !keyset.Widens(c.Events) {
		return func(context.Context) error { return nil }
	}
	return b.Ledger.Record(c)
}

func (b *book) Commit(ctx context.Context, c keyset.Change) error {
	b.waits.Add(1)
	defer b.waits.Add(-1)
	return b.Ledger.Commit(ctx, c)
}
