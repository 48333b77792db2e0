package main

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// newAPI is what operators talk to.
func (g *guard) newAPI() (*admin.API, error) {
	listen := g.started.Listen.Admin
	host, _, _ := net.SplitHostPort(listen.Addr)
	cfg := admin.Config{
		Guard: g, Orders: g.group, Pinned: g.pinned, Kept: g.kept, Record: g.refused, Feed: g.feed,
		Probes: admin.Probes(g.readiness, g.events.Handler()), Brief: admin.Probes(g.readiness.Brief(), g.events.Handler()),
		Name: guardID(g.started), TokenFile: g.started.Admin.TokenFile, Host: host,
	}
	if g.ledger != nil {
		cfg.Evidence = g.evidence
	}
	return admin.New(cfg)
}

// refused puts a refused attempt on record.
func (g *guard) refused(r admin.Refusal) {
	g.log.Warn("admin_refused", slog.String("from", r.From), slog.String("method", r.Method), slog.String("path", r.Path),
		slog.Int("status", r.Status), slog.String("reason", string(r.Reason)), slog.String("detail", r.Detail), slog.Int("omitted", r.Omitted))
	if g.ledger == nil {
		return
	}
	g.refusals.Lock()
	defer g.refusals.Unlock()
	g.refusals.omitted += r.Omitted
	if !g.refusals.noted.Allow() {
		g.refusals.omitted++
		return
	}
	attrs := map[string]string{
		"from": r.From, "method": r.Method, "path": r.Path,
		"status": strconv.Itoa(r.Status), "reason": string(r.Reason), "detail": r.Detail,
	}
	if g.refusals.omitted > 0 {
		attrs["omitted"] = strconv.Itoa(g.refusals.omitted)
		g.refusals.omitted = 0
	}
	g.ledger.Note("admin_refused", attrs)
}

const (
	// notedEvery bounds what refused attempts add to the ledger, which is kept for
	// ever: 4 MB a day at most. The log has more of them.
	notedEvery = 10 * time.Second
	// notedAtOnce is how many may come at once: a person with a wrong token, or a
	// script that goes through all keys.
	notedAtOnce = 30
)

// refusalNotes are the refused attempts that go into the ledger.
type refusalNotes struct {
	sync.Mutex
	noted   *rate.Limiter
	omitted int // since the last one
}

func newRefusalNotes() refusalNotes {
	return refusalNotes{noted: rate.NewLimiter(rate.Every(notedEvery), notedAtOnce)}
}

// pinned finds the line of the configuration that retires a key, unless a later
// line reinstates it.
func (g *guard) pinned(issuer string, k *keyset.Key) (where string, ok bool) {
	c := g.current.Load().config
	for i := range c.Issuers {
		if c.Issuers[i].Name != issuer {
			continue
		}
		inForce := keyset.Effective(orders(&c.Issuers[i]))
		for _, t := range c.Issuers[i].Keys.Retired {
			named := func(a keyset.Alias) bool { return a.Kid == t.Kid }
			if t.Thumbprint != "" && t.Thumbprint != k.Thumbprint || t.Thumbprint == "" && !slices.ContainsFunc(k.Aliases, named) {
				continue
			}
			if slices.ContainsFunc(inForce, func(o keyset.Order) bool {
				return o.Action == keyset.Retire && o.Kid == t.Kid && o.Thumbprint == t.Thumbprint && o.At.Equal(t.At)
			}) {
				return fmt.Sprintf("%s:%d", c.File, t.Line), true
			}
		}
	}
	return "", false
}
