// Package authz speaks Envoy's external authorization protocol
// (envoy.service.auth.v3): it finds the policy and the one credential of a
// request, has it judged, and turns the decision into the answer.
//
// The answer is always a CheckResponse and never a gRPC error, because Envoy
// lets a request pass on an error where failure_mode_allow is set. For the same
// reason nothing here panics outwards, and every string of an answer is checked
// or sanitised before it goes in: one byte that is not UTF-8 would turn the
// answer into an error.
package authz

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// DefaultMaxInFlight is how many checks may be under way at once: about what two
// cores decide within Envoy's default deadline of 200 ms at 100 µs each. Whoever
// would come after them gets no answer in time anyhow.
const DefaultMaxInFlight = 4096

// Decider judges tokens. [verify.Verifier] is one.
type Decider interface {
	// Policies lists all policies, each with a name of its own.
	Policies() []*verify.Policy
	// DecideBytes judges one token, which may be any bytes at all, under one of them.
	// It keeps nothing of token, whose bytes are those of the request, and may use room,
	// which is empty, for the headers of the decision.
	DecideBytes(p *verify.Policy, token []byte, now verify.Instant, room []verify.HeaderValue) verify.Decision
}

// Observer hears of every decision, exactly once. It is called before the answer
// goes out, so it must be quick, and it must keep neither d nor its headers, whose room
// is used again.
type Observer interface {
	// Observe gets the call's ctx (with Envoy's gRPC metadata), how long the check
	// took, and the request's x-request-id: printable ASCII, empty if it had none,
	// and chosen by the client where Envoy is told to trust it.
	Observe(ctx context.Context, d *verify.Decision, elapsed time.Duration, requestID string)
}

// Config is what a Server is made of.
type Config struct {
	Decider   Decider                       // required; [Server.Swap] replaces it
	Now       func() verify.Instant         // required; read once for each decision
	Refresher Refresher                     // nil: no decision waits for new keys
	Observer  Observer                      // nil: nobody listens
	OnPanic   func(value any, stack []byte) // nil: ignored; hears of recovered panics, once a second at most
	InFlight  int                           // checks at once, beyond which the answer is overloaded; 0: DefaultMaxInFlight
}

// Server answers the checks of any number of listeners.
type Server struct {
	cfg      Config
	current  atomic.Pointer[snapshot]
	inFlight atomic.Int64
	waiting  atomic.Int64 // of inFlight, those that wait for a refresh
	large    atomic.Int64 // bytes of memory of all checks larger than [Window]
	readers  readers
	started  time.Time
	quiet    atomic.Int64 // until when OnPanic is not called again, in nanoseconds since started
}

// New makes a Server. It starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Now == nil {
		return nil, errors.New("now: is missing")
	}
	if cfg.InFlight < 0 {
		return nil, fmt.Errorf("in flight: %d is negative; give at least 1, or 0 for the default of %d", cfg.InFlight, DefaultMaxInFlight)
	}
	if cfg.InFlight == 0 {
		cfg.InFlight = DefaultMaxInFlight
	}
	s := &Server{cfg: cfg, started: time.Now()}
	if err := s.Swap(cfg.Decider); err != nil {
		return nil, err
	}
	return s, nil
}

// Swap puts new policies into force for all checks that begin after it. On an
// error nothing has changed.
func (s *Server) Swap(d Decider) error {
	snap, err := newSnapshot(d)
	if err != nil {
		return err
	}
	s.current.Store(snap)
	return nil
}
