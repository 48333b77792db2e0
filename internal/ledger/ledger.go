package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Config says where a ledger is and who writes it.
type Config struct {
	Dir     string // absolute; made if it is not there
	Guard   string // who writes: the guard's id
	Version string // of the program

	// ReadKey gives Thumbprint, Modulus, Public and JWK of a kept JWK.
	ReadKey func(jwk []byte) (keyset.Listed, error)

	// AcceptLoss begins a new chain with what can be saved if the ledger is damaged.
	AcceptLoss bool

	RotateAt int64         // bytes at which a new file begins; 0: 32 MiB
	Wait     time.Duration // how long to wait for the lock; 0: not at all
	Files    Files         // nil: the operating system's
	Log      *slog.Logger  // for what changes: failing, recovered, rotated, the head; nil: none
}

// rotateAt is the default of Config.RotateAt: a month or so of a busy guard, and
// read at start within a second.
const rotateAt = 32 << 20

// Ledger is an open ledger. All methods may be called at the same time.
type Ledger struct {
	cfg      Config
	log      *slog.Logger
	lock     File
	restored []Restored
	last     time.Time
	findings []string

	wake    chan struct{} // holds one
	closing chan struct{} // closed by Release
	ended   chan struct{} // closed when the writer has ended
	w       *writer       // belongs to the goroutine that writes

	mu       sync.Mutex
	queue    queue                 // by mu
	n        uint64                // by mu: calls so far
	durable  uint64                // by mu: calls up to this one are durable, or failed
	tried    uint64                // by mu: calls up to this one were in an attempt that failed
	trying   bool                  // by mu: an attempt is under way
	changed  chan struct{}         // by mu: closed and replaced after each attempt
	clock    func() keyset.Instant // by mu
	started  bool                  // by mu: the writer was started
	released bool                  // by mu: nothing is taken in any more
	over     bool                  // by mu: nothing is written any more
	result   error                 // of the release; written before ended is closed
	status   Status                // by mu
	busy     time.Time             // by mu: when the last attempt began
	watch    *time.Timer           // by mu: over the attempt under way; see unanswered
	overdue  uint64                // by mu: how often the attempt under way was found without an answer
	retry    time.Time             // by mu: when the next attempt is due while the ledger fails
}

// What the outcome of a write can be, other than known.
var (
	// ErrUnknown says that nobody can tell whether a change was kept: the disk does
	// not answer, or failed twice. After a restart it may be there or not.
	ErrUnknown = errors.New("whether it was kept is not known")
	// ErrReleased says that the ledger was given back already.
	ErrReleased = errors.New("the ledger is released")
)

// Open takes the lock, reads the ledger and repairs a torn tail. It starts
// nothing. Errors name the file, and say how to go on; damage is a *[DamageError].
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	switch {
	case !filepath.IsAbs(cfg.Dir):
		return nil, fmt.Errorf("ledger: Dir %q must be absolute", cfg.Dir)
	case cfg.ReadKey == nil:
		return nil, errors.New("ledger: ReadKey is required")
	}
	if cfg.RotateAt == 0 {
		cfg.RotateAt = rotateAt
	}
	if cfg.Files == nil {
		cfg.Files = system{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	o := &opening{Config: cfg, ctx: ctx}
	w, err := o.open()
	if err != nil {
		if o.lock != nil {
			o.lock.Close()
		}
		return nil, fmt.Errorf("ledger: %w", err)
	}
	o.sign()
	l := &Ledger{
		cfg: cfg, log: cfg.Log, lock: o.lock, restored: o.restored(w), last: o.last, findings: o.findings,
		wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}), w: w,
		changed: make(chan struct{}), clock: clockFrom(o.last), status: w.state(),
	}
	w.Ledger = l
	started := note{event: eventStarted, at: l.clock(), more: func(e *encoder) {
		e.text("guard", cfg.Guard)
		e.text("version", cfg.Version)
		e.number("cut_bytes", uint64(o.torn))
	}}
	l.queue.admit(item{note: &started})
	return l, nil
}

// clockFrom tells the time until there is a better clock: lifecycle time begins at
// the later of the wall clock and the last time in the ledger.
func clockFrom(last time.Time) func() keyset.Instant {
	return func() keyset.Instant {
		now := time.Now().Round(0).UTC()
		life := now
		if life.Before(last) {
			life = last
		}
		return keyset.Instant{Wall: now, Life: life}
	}
}

// Restored is what was known when the ledger was opened, by iss.
func (l *Ledger) Restored() []Restored { return l.restored }

// Last is the latest lifecycle time found; zero if there was none.
func (l *Ledger) Last() time.Time { return l.last }

// Findings say what was repaired or is amiss, for the log at start.
func (l *Ledger) Findings() []string { return l.findings }

// Record takes a change that is in force already. It never blocks. durable waits
// until the change is kept; its error says why it is not yet.
func (l *Ledger) Record(c keyset.Change) (durable func(context.Context) error) {
	l.mu.Lock()
	if l.released {
		l.mu.Unlock()
		return func(context.Context) error { return ErrReleased }
	}
	l.n++
	n := l.n
	l.queue.record(n, c)
	l.mu.Unlock()
	l.signal()
	return func(ctx context.Context) error { return l.await(ctx, n) }
}

// await waits until the call n is durable.
func (l *Ledger) await(ctx context.Context, n uint64) error {
	for {
		l.mu.Lock()
		changed := l.changed
		var err error
		switch {
		case n <= l.durable:
			l.mu.Unlock()
			return nil
		case l.over:
			err = ErrReleased
		case l.status.Failing != nil && (n <= l.tried || !l.trying || l.overdue > 0):
			err = l.status.Failing
		}
		l.mu.Unlock()
		if err != nil {
			return fmt.Errorf("not durable yet: %w", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("not durable yet: the disk has not answered: %w", ctx.Err())
		}
	}
}

// Commit keeps a change that shall take effect once it is kept. After an error
// nothing of it is kept, and nothing will be, unless the error is [ErrUnknown].
// While the ledger fails it returns at once, unless the next attempt is due or
// under way and not overdue.
func (l *Ledger) Commit(ctx context.Context, c keyset.Change) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not written: %w", err)
	}
	l.mu.Lock()
	if l.released {
		l.mu.Unlock()
		return ErrReleased
	}
	if f := l.status.Failing; f != nil && (l.overdue > 0 || !l.trying && time.Now().Before(l.retry)) {
		l.mu.Unlock()
		return fmt.Errorf("not written: %w", f)
	}
	l.n++
	m := &commit{Change: c, n: l.n, done: make(chan error, 1)}
	l.queue.commits = append(l.queue.commits, m)
	l.mu.Unlock()
	l.signal()
	select {
	case err := <-m.done:
		return err
	case <-ctx.Done():
		return l.abandon(m, ctx.Err())
	}
}

// abandon gives up waiting for a commit.
func (l *Ledger) abandon(m *commit, cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case err := <-m.done:
		return err
	default:
	}
	if m.taken {
		m.abandoned = true
		return fmt.Errorf("%w: the disk does not answer: %w", ErrUnknown, cause)
	}
	kept := l.queue.commits[:0]
	for _, c := range l.queue.commits {
		if c != m {
			kept = append(kept, c)
		}
	}
	clear(l.queue.commits[len(kept):])
	l.queue.commits = kept
	return fmt.Errorf("not written: %w", cause)
}

// broadcast wakes those who wait in await; mu is held.
func (l *Ledger) broadcast() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// signal wakes the writer.
func (l *Ledger) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
