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

// effect measures how soon an order is seen by checks: each try revokes another
// key, while one client checks a token of it in a tight loop.
func (p orderPlan) effect(ctx context.Context, out io.Writer, s *stage) (err error) {
	at, err := s.newPost("effect")
	if err != nil {
		return err
	}
	at = at.withState()
	guard, err := s.startGuard(ctx, at, s.issuers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.stop()) }()
	operator := newOperator(at.admin)
	defer operator.CloseIdleConnections()
	client := authv3.NewAuthorizationClient(guard.conns[0])
	var effect, answer, check latencies
	say("time to effect: %d tries", p.tries)
	for n := range p.tries {
		issuer := n % p.issuers
		key := s.published[issuer][n/p.issuers]
		order, err := newOrder(ctx, keyset.Revoke, issuerName(issuer), key.KID)
		if err != nil {
			return err
		}
		w := &watch{client: client, request: newRequest(key.Token(claims(s.issuers[issuer]))), allowed: make(chan struct{}), ended: make(chan error, 1)}
		go func() { w.ended <- w.run(ctx) }()
		select {
		case <-w.allowed:
		case err := <-w.ended:
			return fmt.Errorf("before the order about %s of %s: %w", key.KID, issuerName(issuer), err)
		}
		sent := time.Now()
		if err := operator.give(order); err != nil {
			return err
		}
		answered := time.Now()
		w.answered.Store(&answered)
		if err := <-w.ended; err != nil {
			return err
		}
		if w.lastAllowed.After(answered) {
			return fmt.Errorf("a check that began %s after the answer to the order was allowed", w.lastAllowed.Sub(answered))
		}
		effect, answer, check = append(effect, w.refused.Sub(sent)), append(answer, answered.Sub(sent)), append(check, w.took/time.Duration(w.checks))
	}
	fmt.Fprintf(out, "\nFrom sending an order to revoke to its effect: the first answer that refuses a token of the key, to a client that\n")
	fmt.Fprintf(out, "checks it in a tight loop, one check at a time, each %s (p50). %s, %d tries, each of another key.\n", milli(check.quantile(0.5)), countIssuers(p.issuers), p.tries)
	fmt.Fprintf(out, "No check that began after an order was answered was allowed.\n\n")
	t := columns(out, "\tp50\tp99\tworst")
	for _, row := range []struct {
		name string
		latencies
	}{{"refused", effect}, {"order answered: durable", answer}} {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", row.name, milli(row.quantile(0.50)), milli(row.quantile(0.99)), milli(row.quantile(1)))
	}
	return t.Flush()
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
