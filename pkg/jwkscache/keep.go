package jwkscache

import (
	"context"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// keptWithin is how long an owner waits for the journal before it goes on
	// without: a disk that answers at all does so in a fraction of it, and meanwhile
	// no order to the issuer's keys is carried out.
	keptWithin = time.Second
	// heldRetry is how often an owner tries again to have new keys kept.
	heldRetry = time.Second
)

// observe takes in the document of the last observation, which speaks of the
// instant at. What it takes away counts at once; what it adds, once that is kept,
// so that a restart cannot forget when a key was first seen. A journal that fails
// does not hold new keys back, unless the group is strict.
//
// It may be called again with the same document and instant.
func (o *owner) observe(at keyset.Instant) {
	now := o.group.clock.Now()
	old := o.Set()
	apply := func(f func(keyset.Document, keyset.Instant, keyset.Instant) (*keyset.Set, []keyset.Event)) (*keyset.Set, []keyset.Event) {
		set, events := f(o.document, at, now)
		set, more := refuse(set, o.group.among(o.document.Keys), now) // before anybody sees the set
		return set, append(events, more...)
	}
	o.held = keyset.Instant{}
	set, events := apply(old.Observe)
	if !keyset.Widens(events) {
		o.publish(set, events)
		return
	}
	restricted, narrowing := old, []keyset.Event(nil)
	if len(old.Keys()) > 0 { // else nothing can be taken away, and the keys count as not fetched yet
		restricted, narrowing = apply(old.Restrict)
	}
	restricted = restricted.WithFailure() // unknown keys may be good
	o.set.Store(restricted)
	switch err := o.commit(set, events); {
	case err == nil:
		o.enforce(set, events)
	case o.group.strict:
		o.held, o.retry = at, time.Now().Add(heldRetry)
		o.publish(restricted, narrowing)
	default:
		o.publish(set, events)
	}
}

// commit has a change kept before it is in force.
func (o *owner) commit(set *keyset.Set, events []keyset.Event) error {
	ctx, cancel := context.WithTimeout(o.ctx, keptWithin)
	defer cancel()
	return o.group.journal.Commit(ctx, o.change(set, events))
}
