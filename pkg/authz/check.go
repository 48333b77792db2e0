package authz

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// panicInterval bounds how often Config.OnPanic is called, so that a client who
// finds a way to cause panics cannot flood the log as well.
const panicInterval = time.Second

// check is one check as far as it has come, so that whatever goes wrong on the
// way is answered and reported under the policy that was chosen.
type check struct {
	plan     *plan // nil until a policy was chosen
	gathered gathering
	request  request
	found    found
	decision verify.Decision
	wire     wire                  // what is checked, if it came so
	headers  [2]verify.HeaderValue // room for those of the decision
	sets     [2]overwrite          // room for mutations
}

// checks are used again: what they hold takes more time to allocate than to clear.
// Nobody keeps anything of a check that was answered.
var checks = sync.Pool{New: func() any { return new(check) }}

func newCheck() *check { return checks.Get().(*check) }

// done is the end of a check. What it holds is of a client, and goes.
func (c *check) done() {
	*c = check{}
	checks.Put(c)
}

// check answers m; c is new.
func (s *Server) check(ctx context.Context, c *check, m message, fixed string) encoded {
	start := time.Now()
	resp := s.protect(func() encoded {
		s.decide(ctx, m, fixed, c)
		return c.answer()
	})
	return s.finish(ctx, c, resp, start)
}

// refuse answers a check that was not looked at: under no policy.
func (s *Server) refuse(ctx context.Context, c *check, r verify.Reason, detail string) encoded {
	start := time.Now()
	resp := s.protect(func() encoded {
		c.refuse(r, detail)
		return c.answer()
	})
	return s.finish(ctx, c, resp, start)
}

// finish gives an answer, resp or a better one than none, and reports it.
func (s *Server) finish(ctx context.Context, c *check, resp encoded, start time.Time) encoded {
	if resp == nil {
		resp = s.protect(func() encoded {
			c.refuse(verify.InternalError, "the guard met an error of its own; its log has the details")
			return c.answer()
		})
	}
	if resp == nil {
		c.decision = verify.Decision{Verdict: verify.Deny, Reason: verify.InternalError}
		resp = lastResort
	}
	s.observe(ctx, &c.decision, time.Since(start), c.request.id)
	return resp
}

// decide fills c up to its decision.
func (s *Server) decide(ctx context.Context, m message, fixed string, c *check) {
	snap := s.current.Load()
	choice, err := m.choice()
	if err != nil {
		c.refuse(verify.InternalError, "the check cannot be read: "+err.Error())
		return
	}
	plan := snap.choose(fixed, choice)
	if plan != nil {
		c.gathered.source = plan.Token
	}
	if err := m.gather(&c.gathered); err != nil {
		c.refuse(verify.InternalError, "the check cannot be read: "+err.Error())
		return
	}
	c.plan, c.request = plan, c.gathered.request()
	if plan == nil {
		c.refuse(verify.PolicyUnknown, "the listener or the route names a policy that is not configured, or sets another context extension that begins with jwtguard.")
		c.decision.Asked = choice.asked(fixed)
		return
	}
	if !m.describesHTTP() {
		// Not token_missing: allow_missing speaks of requests that were looked at.
		c.refuse(verify.InternalError, "the check describes no HTTP request; only Envoy's HTTP filter can ask")
		return
	}

	defer s.inFlight.Add(-1)
	if s.inFlight.Add(1) > int64(s.cfg.InFlight) {
		c.refuse(verify.Overloaded, "more checks at once than the guard is set to take on")
		return
	}
	if c.request.crowded {
		c.refuse(verify.Overloaded, "the request has more headers than the guard looks at")
		return
	}

	c.found = c.plan.find(&c.request)
	switch c.found.n {
	case 0:
		c.refuse(verify.TokenMissing, "no credential in the places where the policy looks")
	case 1:
		c.decision = s.judge(ctx, snap.decider, c.plan.Policy, c.found.token, c.headers[:0])
	default:
		c.refuse(verify.MultipleCredentials, "more than one credential, or a value that may hold more than one")
	}
	if !c.sound() {
		c.refuse(verify.InternalError, "the decision contradicts its policy")
	}
}

func (c *check) refuse(r verify.Reason, detail string) {
	var p *verify.Policy
	if c.plan != nil {
		p = c.plan.Policy
	}
	c.decision = verify.Refuse(p, r, detail)
}

// sound tells whether verdict, reason and policy fit together. A decision that
// does not is a mistake of ours, and must not let anything through.
func (c *check) sound() bool {
	d := &c.decision
	good := d.Reason == verify.OK || d.Reason == verify.MissingAllowed && c.plan.AllowMissing
	switch d.Verdict {
	case verify.Allow:
		return good
	case verify.ShadowDeny:
		return !good && c.plan.Shadow
	case verify.Deny:
		return !good && !c.plan.Shadow
	}
	return false
}

// answer makes the answer out of the decision. Whatever does not clearly pass is
// denied.
func (c *check) answer() encoded {
	d := &c.decision
	if c.plan != nil && (d.Verdict == verify.Allow || d.Verdict == verify.ShadowDeny) {
		return allow(c.plan.mutations(d, &c.request, c.found, c.sets[:0]), c.plan.prepared.metadata(d))
	}
	if c.plan != nil {
		return deny(d.Reason, c.plan.denials, c.plan.prepared.metadata(d))
	}
	return deny(d.Reason, bareDenials, factsOf(d).encode())
}

// protect runs f, and returns nil if it panicked.
func (s *Server) protect(f func() encoded) (resp encoded) {
	defer s.recovered(func() { resp = nil })
	return f()
}

func (s *Server) observe(ctx context.Context, d *verify.Decision, elapsed time.Duration, requestID string) {
	if s.cfg.Observer == nil {
		return
	}
	defer s.recovered(nil)
	s.cfg.Observer.Observe(ctx, d, elapsed, requestID)
}

// recovered is deferred: it ends a panic, reports it, and then calls then.
func (s *Server) recovered(then func()) {
	v := recover()
	if v == nil {
		return
	}
	if then != nil {
		then()
	}
	now, quiet := int64(time.Since(s.started)), s.quiet.Load()
	if s.cfg.OnPanic == nil || now < quiet || !s.quiet.CompareAndSwap(quiet, now+int64(panicInterval)) {
		return
	}
	defer func() { _ = recover() }()
	s.cfg.OnPanic(v, debug.Stack())
}
