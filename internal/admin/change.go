package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// concurrentChanges bounds the changes under way, and the refreshes: each may
	// wait for a disk, or for an issuer. People and scripts give orders one by one,
	// and thirty at once already share a write.
	concurrentChanges = 32
	// orderWithin is how long an order may take, until it is in force and written
	// down. A disk that takes longer is failing: the answer then says so.
	orderWithin = 5 * time.Second
	// answerWithin is what remains after that for the answer, whatever the body took
	// of the server's own limit: who gave an order learns what became of it.
	answerWithin = 5 * time.Second
)

// change is an order with what the caller allows it to do.
type change struct {
	keyset.Order
	issuer string        // its name
	skew   time.Duration // by how much tokens of it are accepted after their exp
	force  bool
	unseen bool
	others []IssuerKeys // whose keys distrust may reach
	pinned func(issuer string, k *keyset.Key) (where string, ok bool)
}

// order carries out an order about a key. Whatever happens to the connection, what
// has begun is brought to its end.
func (a *API) order(w http.ResponseWriter, r *http.Request, action keyset.Action, actor string) *problem {
	c, p := a.read(w, r, action, actor)
	if p != nil {
		return p
	}
	leave, ok := enter(a.changes)
	if !ok {
		return busy()
	}
	defer leave()
	kept := a.cfg.Kept()
	if errors.Is(kept, ErrReleased) {
		return stopping("nothing happened: give the order to its successor")
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(orderWithin + answerWithin)) // not every writer has one
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), orderWithin)
	defer cancel()

	changed, durable, err := a.cfg.Orders.Order(ctx, c.issuer, c.Order, c.admit)
	if errors.Is(err, errForced) {
		// That force overrode something is part of what is recorded.
		c.Forced = true
		changed, durable, err = a.cfg.Orders.Order(ctx, c.issuer, c.Order, c.admit)
	}
	if err != nil {
		return refusalOf(err)
	}
	var unwritten error
	if kept == nil && durable != nil {
		unwritten = durable(ctx)
	}
	if errors.Is(unwritten, ErrReleased) {
		return stopping("the order is in force until it has stopped, and was not written down: give it to its successor, too")
	}
	a.answer(w, c, outcome{Changed: changed, kept: kept, unwritten: unwritten})
	return nil
}

// read reads the order out of a request.
func (a *API) read(w http.ResponseWriter, r *http.Request, action keyset.Action, actor string) (*change, *problem) {
	i, _, p := a.issuer(r)
	if p != nil {
		return nil, p
	}
	b, p := readBody(w, r)
	if p != nil {
		return nil, p
	}
	o := keyset.Order{
		Action: action, Kid: r.PathValue("kid"), Thumbprint: b.Thumbprint, Reason: b.Reason, Actor: actor,
		Again: action == keyset.Retire,
	}
	if p := check(&o); p != nil {
		return nil, p
	}
	switch {
	case action == keyset.Retire && b.Grace != nil:
		o.Grace = *b.Grace
	case action == keyset.Retire:
		o.Grace = i.Grace
	case b.Grace != nil:
		return nil, badRequest("grace is for retire alone: %s takes effect at once", action)
	}
	all, _ := a.cfg.Guard.KeySets()
	others := slices.DeleteFunc(slices.Clone(all), func(other IssuerKeys) bool { return other.Issuer == i.Issuer })
	return &change{Order: o, issuer: i.Issuer, skew: i.Skew, force: b.Force, unseen: b.Unseen, others: others, pinned: a.cfg.Pinned}, nil
}

func busy() *problem {
	return &problem{Status: http.StatusServiceUnavailable, Title: "Busy", reason: Busy, retryAfter: time.Second,
		Detail: "too many of these are under way: nothing happened; try again"}
}

func stopping(detail string) *problem {
	return &problem{Status: http.StatusServiceUnavailable, Title: "Stopping", reason: Stopping, retryAfter: time.Second,
		Detail: "the guard is stopping; " + detail}
}

// refusalOf is why an order is not in force.
func refusalOf(err error) *problem {
	if p := new(problem); errors.As(err, &p) {
		return p
	}
	if errors.Is(err, ErrReleased) {
		return stopping("the order is not in force: give it to its successor")
	}
	detail := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		detail = "it took longer than " + orderWithin.String()
	}
	return &problem{Status: http.StatusServiceUnavailable, Title: "Not carried out", reason: NotCarriedOut, retryAfter: time.Second,
		Detail: "the order was not carried out: " + detail}
}
