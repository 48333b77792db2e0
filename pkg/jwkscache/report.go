package jwkscache

import (
	"context"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Journal keeps what happens to keys. Each issuer's changes come in the order in
// which they happen, from the goroutine that makes them happen.
type Journal interface {
	// Record takes a change that is in force. It never blocks; durable waits until
	// the change is kept, and its error says why it is not.
	Record(c keyset.Change) (durable func(context.Context) error)
	// Commit keeps a change that shall be in force once it is kept. After an error
	// it is not, and nothing will be kept of it.
	Commit(ctx context.Context, c keyset.Change) error
}

// Cause is why a fetch was made.
type Cause string

// The causes of a fetch.
const (
	CauseSchedule   Cause = "schedule"    // the first fetch, the interval, or a retry after a failure
	CauseConfirm    Cause = "confirm"     // a key was missing: ask again, past all caches
	CauseUnknownKid Cause = "unknown_kid" // a token named a key that may be new
	CauseClock      Cause = "clock_step"
	CauseFile       Cause = "file_change"
	CauseConfig     Cause = "config_change" // the configuration names another source
	CauseOperator   Cause = "operator"      // somebody asked for it, or reinstated a key
)

// Fetch reports one attempt to fetch an issuer's keys.
type Fetch struct {
	Issuer  string
	Cause   Cause
	Start   time.Time
	Took    time.Duration
	Result  Result
	Err     error // nil for ok and not_modified
	Keys    int   // usable keys of the document
	Skipped []keyset.Skipped
	Next    time.Duration // until the next attempt, if nothing else asks for one
}

// Status is what a cache knows about its own freshness.
type Status struct {
	Usable      bool      // it has been usable once: an observation that was not stale, with an active key that fits
	LastSuccess time.Time // wall clock; zero: never
	LastResult  Result    // of the last attempt; empty: none yet
	LastError   string    // of the last attempt; empty if it worked
}
