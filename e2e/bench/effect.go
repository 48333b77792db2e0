package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// latencies are times that something took.
type latencies []time.Duration

// quantile is the time that so large a part of them did not exceed; 1 is the worst.
func (l latencies) quantile(part float64) time.Duration {
	return slices.Sorted(slices.Values(l))[max(0, int(math.Ceil(part*float64(len(l))))-1)]
}

// effects is how soon orders to revoke were seen by checks.
type effects struct {
	effect latencies // from sending the order to the first refusal
	answer latencies // to the order's own answer
	check  latencies // a check by those who watch
	margin latencies // from when the last check began that was allowed, to the answer
}

// effect measures how soon an order is seen by checks: each try revokes another
// key, while one client checks a token of it in a tight loop.
func (p orderPlan) effect(ctx context.Context, out io.Writer, s *stage) (err error) {
	at, err := s.newPost("effect")
	if err != nil {
		return err
	}
	at = at.withState()
	guard, err := s.startGuard(ctx, at, trust{issuers: s.issuers})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.stop()) }()
	say("time to effect: %d tries", p.tries)
	e, err := s.effects(ctx, at, guard, p.tries, 1)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nFrom sending an order to revoke to its effect: the first answer that refuses a token of the key, to a client that\n")
	fmt.Fprintf(out, "checks it in a tight loop, one check at a time, each %s (p50). %s, %d tries, each of another key.\n", milli(e.check.quantile(0.5)), countIssuers(p.issuers), p.tries)
	fmt.Fprintf(out, "No check that began after an order was answered was allowed.\n\n")
	t := columns(out, "\tp50\tp99\tworst")
	for _, row := range []struct {
		name string
		latencies
	}{{"refused", e.effect}, {"order answered: durable", e.answer}} {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", row.name, milli(row.quantile(0.50)), milli(row.quantile(0.99)), milli(row.quantile(1)))
	}
	return t.Flush()
}

// effects revokes one key after the other, each while so many clients check a token
// of it. That one of them is allowed by a check that began after the order was
// answered is an error.
func (s *stage) effects(ctx context.Context, at post, guard *server, tries, watchers int) (e effects, err error) {
	operator := newOperator(at.admin)
	defer operator.CloseIdleConnections()
	client := authv3.NewAuthorizationClient(guard.conn)
	for n := range tries {
		issuer := n % len(s.issuers)
		key := s.published[issuer][n/len(s.issuers)]
		order, err := newOrder(ctx, keyset.Revoke, issuerName(issuer), key.KID)
		if err != nil {
			return e, err
		}
		request := newRequest(key.Token(claims(s.issuers[issuer])))
		all := make([]*watch, watchers)
		for i := range all {
			all[i] = &watch{client: client, request: request, allowed: make(chan struct{}), ended: make(chan error, 1)}
			go func() { all[i].ended <- all[i].run(ctx) }()
		}
		for _, w := range all {
			select {
			case <-w.allowed:
			case err := <-w.ended:
				return e, fmt.Errorf("before the order about %s of %s: %w", key.KID, issuerName(issuer), err)
			}
		}
		sent := time.Now()
		if err := operator.give(order); err != nil {
			return e, err
		}
		answered := time.Now()
		for _, w := range all {
			w.answered.Store(&answered)
		}
		first, last := time.Time{}, time.Time{}
		for _, w := range all {
			if err := <-w.ended; err != nil {
				return e, err
			}
			if w.lastAllowed.After(answered) {
				return e, fmt.Errorf("a check that began %s after the answer to the order was allowed", w.lastAllowed.Sub(answered))
			}
			if first.IsZero() || w.refused.Before(first) {
				first = w.refused
			}
			if w.lastAllowed.After(last) {
				last = w.lastAllowed
			}
			e.check = append(e.check, w.took/time.Duration(w.checks))
		}
		e.effect, e.answer, e.margin = append(e.effect, first.Sub(sent)), append(e.answer, answered.Sub(sent)), append(e.margin, answered.Sub(last))
	}
	return e, nil
}

// watch checks one token until it is refused, or ought to be.
type watch struct {
	client  authv3.AuthorizationClient
	request *authv3.CheckRequest
	allowed chan struct{} // closed at the first allow
	ended   chan error
	// answered is when the order was; nil: not yet.
	answered atomic.Pointer[time.Time]

	lastAllowed time.Time // when the last check that was allowed began
	refused     time.Time // when the first refusal came
	checks      int
	took        time.Duration // of all of them
}

func (w *watch) run(ctx context.Context) error {
	for {
		began := time.Now()
		answer, err := w.client.Check(ctx, w.request)
		now := time.Now()
		if err != nil {
			return err
		}
		w.checks++
		w.took += now.Sub(began)
		if answer.GetStatus().GetCode() == int32(codes.OK) {
			if w.lastAllowed.IsZero() {
				close(w.allowed)
			}
			w.lastAllowed = began
			if a := w.answered.Load(); a != nil && began.After(*a) {
				return nil
			}
			continue
		}
		if reason := reasonOf(answer); reason != "key_revoked" || w.lastAllowed.IsZero() {
			return fmt.Errorf("refused because of %s", reason)
		}
		w.refused = now
		return nil
	}
}

func reasonOf(answer *authv3.CheckResponse) string {
	return answer.GetDynamicMetadata().GetFields()["reason"].GetStringValue()
}
