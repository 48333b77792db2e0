package model

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// issuers are the iss values of both issuers.
var issuers = []string{"https://one.test", "https://two.test"}

var issuerNames = []string{"one", "two"}

// wallClock is the machine's wall clock against the bubble's time, which is the
// monotonic one.
type wallClock struct{ ahead atomic.Int64 }

func (w *wallClock) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// configuration is what stands in the guard's file.
type configuration struct {
	params params
	orders [2][]command
}

// guard is one run of the real thing below gRPC, between start and stop.
type guard struct {
	faults   faultsOf
	clock    *jwkscache.Clock
	base     moment    // lifecycle time at start
	from     time.Time // the monotonic clock at start
	book     *book
	group    *jwkscache.Group
	caches   []*jwkscache.Cache
	verifier *verify.Verifier
	policy   *verify.Policy
	stop     func()
}

// startGuard starts a guard over what is on the disk.
func startGuard(w *world) (*guard, error) {
	g := &guard{faults: w.faults}
	var err error
	if g.book, err = openBook(w); err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	last := g.book.Last()
	if w.faults.lifeFromWall {
		last = time.Time{}
	}
	g.from = time.Now()
	g.clock = jwkscache.NewClock(w.wall.now, last)
	g.base = momentOf(g.clock.Now().Life)
	g.group, err = jwkscache.NewGroup(jwkscache.GroupConfig{
		Clock: g.clock, Journal: g.book, Report: w.report, Restored: g.book.sets,
	})
	if err != nil {
		return nil, err
	}
	g.policy = &verify.Policy{Name: verify.DefaultPolicy}
	plan, err := g.group.Plan(w.configs())
	if err != nil {
		return nil, err
	}
	for i, iss := range issuers {
		cache := plan.Cache(iss)
		g.caches = append(g.caches, cache)
		g.policy.Issuers = append(g.policy.Issuers, &verify.Issuer{
			Name: issuerNames[i], ID: iss, Audiences: []string{audience}, Algorithms: []string{"EdDSA", "RS256"},
			Types: []string{"JWT"}, ClockSkew: clockSkew, Keys: w.faults.keys(cache),
		})
	}
	if g.verifier, err = verify.New([]*verify.Policy{g.policy}, tokenCacheBytes); err != nil {
		return nil, err
	}
	g.group.Adopt(plan)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	stopBook := g.book.run(g.clock.Now)
	go func() { ended <- g.group.Run(ctx) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
		stopBook()
	})
	synctest.Wait()
	return g, nil
}

// configs is the configuration in force, for the caches.
func (w *world) configs() []jwkscache.Config {
	var all []jwkscache.Config
	for i, iss := range issuers {
		p := w.conf.params
		c := jwkscache.Config{
			Name: issuerNames[i], Issuer: iss,
			Source: jwkscache.Source{URI: iss + "/jwks.json", Transport: w.origins[i]},
			Params: keyset.Params{
				Interval: p.interval, MaxStale: p.maxStale, Grace: p.grace, RemovalConfirm: p.confirm,
				ActivationDelay: p.delay, ReplaceReused: p.replace,
			},
			Cooldown: cooldown, Wait: 100 * time.Millisecond,
		}
		for _, o := range w.conf.orders[i] {
			c.Orders = append(c.Orders, orderOf(o, "configuration"))
		}
		all = append(all, c)
	}
	return all
}

// cooldown is that of the fetches that unknown kids ask for.
const cooldown = 20 * time.Second

// orderOf is a command as the guard takes it.
func orderOf(c command, actor string) keyset.Order {
	o := keyset.Order{Action: keyset.Action(c.action), Kid: c.kid, Grace: c.grace, Reason: "the schedule says so", Actor: actor}
	if c.key != nil {
		o.Thumbprint, o.Modulus = c.key.thumb, c.key.modulus
	}
	if c.at != 0 {
		o.At = epoch.Add(c.at)
	}
	return o
}

// decide judges a token, and counts its use as the guard's telemetry does.
func (g *guard) decide(token string) verify.Decision {
	now := g.faults.instant(g.clock.Now())
	d := g.verifier.Decide(g.policy, token, now)
	switch {
	case d.Key == nil || g.faults.uncounted:
	case d.OK():
		d.Key.Allow(d.At.Wall, d.Expires, d.Issued)
	case d.State >= keyset.Retired:
		d.Key.Attempt(d.Signature)
	default:
		d.Key.Deny()
	}
	return d
}
