package e2e

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A patient is a world that suffers faults, under requests that go on all the time.
type patient struct {
	*world
	iss                        string
	retired, revoked, stranger *devissuer.Key
	listed                     []*devissuer.Key // by the issuer, when it is well
	ingress                    atomic.Pointer[string]
	mark                       mark
	wellSince                  time.Time

	// What some of the faults need.
	disk      disk
	names     *harness.NameServer // nil: names are not to be had
	hot       hotEnvoy
	collector *collector
	hanging   []func()
	limit     uint64
	plain     string         // the guard's binary
	burned    *devissuer.Key // revoked on a full disk
	early     string         // a token from before the fault
	edges     []*devissuer.Key

	mu   sync.Mutex
	seen []seen // by mu
}

// probing is how many requests there are in a second; half of them are good.
const probing = 20

// A probe is a token that is sent all the time. All but the first are refused,
// whatever happens.
type probe struct {
	name   string
	reason string // of the refusal, by a guard that has its keys
	token  func(*patient) string
}

var probes = []probe{
	{"good", "ok", func(p *patient) string { return p.key.Token(p.usual()) }},
	{"retired", "key_retired", func(p *patient) string { return p.retired.Token(p.usual()) }},
	{"revoked", "key_revoked", func(p *patient) string { return p.revoked.Token(p.usual()) }},
	{"unknown kid", "kid_unknown", func(p *patient) string { return p.stranger.Token(p.usual()) }},
	{"bad signature", "signature_invalid", func(p *patient) string { return p.stranger.Renamed(p.key.KID).Token(p.usual()) }},
	{"expired", "token_expired", func(p *patient) string {
		then := time.Now().Add(-10 * time.Minute).Unix()
		return p.key.Token(p.usual().With(devissuer.Claims{"iat": then, "nbf": then, "exp": then + 60}))
	}},
}

// usual are the claims of a good token.
func (p *patient) usual() devissuer.Claims {
	return devissuer.StandardClaims(p.iss, audience, 10*time.Minute)
}

// moved notes where Envoy listens.
func (p *patient) moved() { p.ingress.Store(&p.envoy.Address) }

// seen is what became of one request.
type seen struct {
	probe        int // of probes
	began, ended time.Time
	status       int // 0: no answer, as where nobody listens
	passed       bool
}

// watch sends all probes until the test ends.
func (p *patient) watch() {
	var n atomic.Int64
	load := harness.StartLoad(context.Background(), probing, func(ctx context.Context) error {
		i := int(n.Add(1))
		which := 0
		if i%2 == 1 {
			which = 1 + i/2%(len(probes)-1)
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		s := seen{probe: which, began: time.Now()}
		resp, err := (harness.Request{Target: "/probe"}).Bearer(probes[which].token(p)).HTTP1(ctx, *p.ingress.Load())
		if err == nil {
			s.status, s.passed = resp.Status, resp.Status == http.StatusOK || resp.Echo != nil
		}
		s.ended = time.Now()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.seen = append(p.seen, s)
		return nil
	})
	p.t.Cleanup(func() { load.Stop() })
	p.until("the first answers", func() bool { return p.last(time.Time{}, 3, http.StatusOK) })
	p.wellSince = time.Now()
}

// between are the requests of a kind of probe that began in a span of time; a zero
// end is open.
func (p *patient) between(from, to time.Time, kind func(int) bool) (all []seen) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.seen {
		if kind(s.probe) && !s.began.Before(from) && (to.IsZero() || s.began.Before(to)) {
			all = append(all, s)
		}
	}
	return all
}

func good(probe int) bool { return probe == 0 }
func bad(probe int) bool  { return probe != 0 }

// last tells whether the last n good tokens since then all got this status.
func (p *patient) last(since time.Time, n, status int) bool {
	all := p.between(since, time.Time{}, good)
	if len(all) < n {
		return false
	}
	for _, s := range all[len(all)-n:] {
		if s.status != status {
			return false
		}
	}
	return true
}

// neverPassed holds all that was sent in the whole test against its one rule.
func (p *patient) neverPassed(t *testing.T) {
	for _, s := range p.between(time.Time{}, time.Time{}, bad) {
		if s.passed {
			t.Errorf("at %s, the token %q passed: %d", s.began.Format(time.StampMilli), probes[s.probe].name, s.status)
			return // one is enough
		}
	}
}

// until waits for something that has to come.
func (p *patient) until(what string, seen func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(limit); !seen(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
