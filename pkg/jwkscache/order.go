package jwkscache

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Why an order was not carried out, besides what [keyset.Set.Apply] says.
var (
	ErrNoIssuer = errors.New("no such issuer")
	ErrStopped  = errors.New("the guard is starting or stopping")
	// ErrNotKept: the order would widen trust, and could not be written down first.
	ErrNotKept = errors.New("it could not be written down, and so is not in force")
)

// Order carries out an order about a key of the named issuer. admit is shown the
// set that the order would meet; its error is returned, and then nothing
// happened. The order is carried out by the owner of the set, so that nothing
// comes in between.
//
// When Order returns without error, the order is in force, under all issuers if
// it revokes; changed is false if it or a stricter one was in force before.
// durable waits until it is also kept. One that reinstates a key is kept before
// it is in force.
func (g *Group) Order(ctx context.Context, name string, order keyset.Order, admit func(*keyset.Set, keyset.Instant) error) (changed bool, durable func(context.Context) error, err error) {
	m, err := g.named(name)
	if err != nil {
		return false, nil, err
	}
	// Whoever gives up waiting must know whether it will still happen.
	var claimed atomic.Bool
	done := make(chan struct{})
	m.post(func(o *owner) {
		if claimed.CompareAndSwap(false, true) {
			changed, durable, err = o.carryOut(order, admit)
			close(done)
		}
	})
	select {
	case <-done:
	case <-m.ended:
		if claimed.CompareAndSwap(false, true) {
			return false, nil, ErrStopped
		}
		<-done
	case <-ctx.Done():
		if claimed.CompareAndSwap(false, true) {
			return false, nil, ctx.Err()
		}
		<-done
	}
	if changed && order.Action == keyset.Revoke {
		g.settle() // the distrust that went to the others
	}
	return changed, durable, err
}

// named finds the running member of a name.
func (g *Group) named(name string) (*running, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		switch {
		case m.adopted.Name != name:
		case m.stop == nil:
			return nil, ErrStopped
		default:
			return &running{m.Cache, m.ended}, nil
		}
	}
	return nil, ErrNoIssuer
}

// running is a member as it runs now: a later start of it has another end.
type running struct {
	*Cache
	ended <-chan struct{}
}

func (o *owner) carryOut(order keyset.Order, admit func(*keyset.Set, keyset.Instant) error) (bool, func(context.Context) error, error) {
	now := o.group.clock.Now()
	if err := admit(o.Set(), now); err != nil {
		return false, nil, err
	}
	set, events, err := o.Set().Apply(order, now)
	if err != nil {
		return false, nil, err
	}
	if !keyset.Widens(events) {
		return len(events) > 0, o.publish(set, events), nil
	}
	if err := o.commit(set, events); err != nil {
		o.publish(o.Set(), nil) // whatever reached the disk, this is what holds
		return false, nil, fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	o.enforce(set, events)
	o.want(CauseOperator, time.Now()) // the issuer may list it
	return true, func(context.Context) error { return nil }, nil
}

// outcome is what becomes of a fetch that operators wait for.
type outcome struct {
	done chan struct{}
	Fetch
}

// tell ends the wait of everybody who waits for the outcome.
func (a *outcome) tell(f Fetch) {
	if a != nil {
		a.Fetch = f
		close(a.done)
	}
}

// Refetch fetches the keys of the named issuer as soon as its budget allows, past
// all HTTP caches, and waits for the outcome, no longer than ctx. Where the budget
// allows none before ctx ends, nobody waits: the result is empty, the fetch comes by
// itself when it is due, by the wall clock, and detail says why it does not sooner.
func (g *Group) Refetch(ctx context.Context, name string) (result, detail string, due time.Time, err error) {
	m, err := g.named(name)
	if err != nil {
		return "", "", due, err
	}
	var next *outcome
	asked := make(chan struct{})
	end, ends := ctx.Deadline()
	m.post(func(o *owner) {
		if o.asking == nil {
			o.asking = &outcome{done: make(chan struct{})}
		}
		next = o.asking
		o.want(CauseOperator, time.Now())
		if at, _ := o.due(); ends && at.After(end) {
			due, detail = time.Now().Add(time.Until(at)), o.why()
		}
		close(asked)
	})
	select {
	case <-asked:
	case <-m.ended:
		return "", "", time.Time{}, ErrStopped
	}
	if !due.IsZero() {
		return "", detail, due, nil
	}
	select {
	case <-next.done:
		switch {
		case next.Result == "": // it was given up
			return "", "", due, next.Err
		case next.Err != nil:
			detail = next.Err.Error()
		}
		return string(next.Result), detail, due, nil
	case <-m.ended:
		return "", "", due, ErrStopped
	case <-ctx.Done():
		return "", "", due, ctx.Err()
	}
}
