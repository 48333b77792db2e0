package authz

import (
	"context"
	"time"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

const (
	// maxWaiting is how many requests may wait for a refresh at once. Unknown kids
	// are the client's to invent; beyond this they hold up nobody but themselves.
	maxWaiting = 100
	// maxWait is what a request without a deadline may wait: longer than any issuer
	// is configured to let it.
	maxWait = time.Minute
)

// Refresher has an issuer's keys fetched, within the issuer's budget.
type Refresher interface {
	// Refresh asks for a fetch and waits for its end, at most wait or what the
	// issuer's unknown_kid_wait allows, whichever is shorter, and not at all if wait
	// is 0. It tells whether a fetch ended well that began after the call, or that
	// the call joined: then the same token may fare differently. The fetch is not
	// bound to ctx, which ends with the request.
	Refresh(ctx context.Context, issuer *verify.Issuer, wait time.Duration) bool
}

// judge decides about a token, and once more if new keys came in between.
func (s *Server) judge(ctx context.Context, by Decider, p *verify.Policy, token []byte, room []verify.HeaderValue) verify.Decision {
	d := by.DecideBytes(p, token, s.cfg.Now(), room)
	if s.cfg.Refresher == nil || d.Issuer == nil {
		return d
	}
	switch d.Refresh {
	case verify.AskRefresh:
		s.cfg.Refresher.Refresh(ctx, d.Issuer, 0)
	case verify.AwaitRefresh:
		if s.await(ctx, d.Issuer) {
			d = by.DecideBytes(p, token, s.cfg.Now(), room)
		}
	}
	return d
}

func (s *Server) await(ctx context.Context, issuer *verify.Issuer) bool {
	defer s.waiting.Add(-1)
	wait := patience(ctx)
	if s.waiting.Add(1) > maxWaiting {
		wait = 0
	}
	return s.cfg.Refresher.Refresh(ctx, issuer, wait)
}

// patience is half of what is left of the deadline: the other half is for the
// decision and for the way back.
func patience(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	if deadline, ok := ctx.Deadline(); ok {
		return max(0, min(maxWait, time.Until(deadline)/2))
	}
	return maxWait
}
