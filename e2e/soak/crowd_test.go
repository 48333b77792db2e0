package soak

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	connections = 4
	eachClients = 4 // of a connection
	// answerWithin is far more than a check takes; who waits longer waits for ever.
	answerWithin = 20 * time.Second
)

// must are the reasons without which a soak has proved nothing.
var must = []string{
	"ok", "kid_unknown", "signature_invalid", "key_retired", "key_revoked", "token_expired", "token_malformed",
	"token_too_large", "multiple_credentials", "token_missing", "issuer_unknown", "header_forbidden", "alg_not_allowed",
	"keys_unavailable", "issued_after_withdrawal",
}

// A crowd is all the clients.
type crowd struct {
	*world
	conns   []*grpc.ClientConn
	pace    *rate.Limiter
	checks  atomic.Int64
	reasons sync.Map     // from reason to *atomic.Int64
	quiet   sync.RWMutex // to be held, not for writing, during a check
}

func newCrowd(w *world) *crowd {
	c := &crowd{world: w, pace: rate.NewLimiter(w.pace, 1)}
	for range connections {
		conn, err := grpc.NewClient("unix://"+w.file("authz.sock"), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			w.Fatal(err)
		}
		c.conns = append(c.conns, conn)
	}
	w.Cleanup(c.hangUp)
	return c
}

// start has all clients send until ctx ends.
func (c *crowd) start(ctx context.Context, running *sync.WaitGroup) {
	for n := range connections * eachClients {
		client := &client{world: c.world, chance: c.chance(uint64(1000 + n))}
		guard := authv3.NewAuthorizationClient(c.conns[n%connections])
		running.Go(func() {
			for c.pace.Wait(ctx) == nil && c.send(guard, client.next()) {
			}
		})
	}
}

// send makes one check. It is false after a failure.
func (c *crowd) send(guard authv3.AuthorizationClient, s shot) bool {
	c.quiet.RLock()
	defer c.quiet.RUnlock()
	// It does not end with the soak: the guard would count what nobody here did.
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	before := s.moment()
	answer, err := guard.Check(ctx, s.request())
	after := s.moment()
	if err != nil {
		c.fail("a check with a token %s: %v", s.kind, err)
		return false
	}
	c.checks.Add(1)
	reason, wrong := s.judge(answer, before, after)
	if wrong != nil && c.pulse.stoodStill(ctx, before.at, after.at) {
		after.doubt = true
		reason, wrong = s.judge(answer, before, after)
	}
	if reason == "ok" && s.token.key != nil {
		s.token.key.allowed.Add(1)
	}
	count, ok := c.reasons.Load(reason)
	if !ok {
		count, _ = c.reasons.LoadOrStore(reason, new(atomic.Int64))
	}
	count.(*atomic.Int64).Add(1)
	if wrong != nil {
		c.fail("a check with a token %s: %v", s.kind, wrong)
	}
	return wrong == nil
}

func (s shot) request() *authv3.CheckRequest {
	headers := map[string]string{":method": "GET", ":path": "/", "user-agent": "soak"}
	if s.credential != "" {
		headers["authorization"] = s.credential
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{Method: "GET", Host: "soak.example", Path: "/", Headers: headers},
	}}}
}

// missing are the reasons that have not been met yet.
func (c *crowd) missing() []string {
	return slices.DeleteFunc(slices.Clone(must), func(r string) bool {
		_, met := c.reasons.Load(r)
		return met
	})
}

// hangUp closes all connections.
func (c *crowd) hangUp() {
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}
