package main

import (
	"context"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// journal tells what happens to keys: to the log, to those who read events, and to
// the ledger if there is one.
type journal struct {
	log    recorder
	feed   follower          // nil: nobody reads
	ledger jwkscache.Journal // nil: without a state directory
}

// recorder is told of what is in force.
type recorder interface {
	Record(issuer string, events []keyset.Event)
}

// follower is told the same, with its issuer.
type follower interface{ Life(keyset.Change) }

// Record implements [jwkscache.Journal].
func (j journal) Record(c keyset.Change) func(context.Context) error {
	j.tell(c)
	if j.ledger == nil {
		return func(context.Context) error { return nil }
	}
	return j.ledger.Record(c)
}

// Commit implements [jwkscache.Journal].
func (j journal) Commit(ctx context.Context, c keyset.Change) error {
	if j.ledger != nil {
		if err := j.ledger.Commit(ctx, c); err != nil {
			return err
		}
	}
	j.tell(c)
	return nil
}

// tell tells of what is in force.
func (j journal) tell(c keyset.Change) {
	j.log.Record(c.Name, c.Events)
	if j.feed != nil {
		j.feed.Life(c)
	}
}
