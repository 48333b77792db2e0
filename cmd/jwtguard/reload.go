package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// reload reads the configuration again and puts it into force. A file that is not
// valid changes nothing.
func (g *guard) reload(why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.current.Load().config
	next, err := g.load()
	if err == nil {
		err = g.adopt(next)
	}
	g.events.Reloaded(err)
	if err != nil {
		g.log.Error("config_reload_failed", "why", why, "error", err.Error(), "in_force", "the configuration as it was")
		return
	}
	g.log.Info("config_reloaded", "why", why, "issuers", len(next.config.Issuers), "policies", len(next.config.Policies))
	for _, f := range next.config.Lint() {
		logFinding(g.log, f)
	}
	then := "this guard refuses the key as long as it runs, and a restarted one trusts it again"
	if g.ledger != nil {
		then = "this guard goes on refusing the key, which stands in its ledger; one without trusts it"
	}
	for _, o := range lifted(old, next.config) {
		g.log.Warn("order_lifted", "issuer", o.issuer, "action", string(o.Action), "kid", o.Kid, "thumbprint", o.Thumbprint,
			"message", "the line is gone: "+then)
	}
	for _, setting := range fixedSettings(g.started, next.config) {
		g.log.Warn("config_needs_restart", "setting", setting, "message", "this change takes effect at the next start")
	}
}

// load reads the file as far as it could be put into force.
func (g *guard) load() (*prepared, error) {
	c, err := g.file.load()
	if err != nil {
		return nil, err
	}
	for _, l := range g.started.Listen.GRPC {
		if _, ok := c.Policies[l.Policy]; l.Policy != "" && !ok {
			return nil, fmt.Errorf("%s: policies: %s is missing, and the listener %s has it until the guard starts again: keep it until then", c.File, l.Policy, l.Address)
		}
	}
	return g.prepare(c)
}

// liftedOrder is an order that one configuration had and the next one lacks.
type liftedOrder struct {
	issuer string
	keyset.Order
}

// lifted lists the retirements and revocations that are gone from the file.
func lifted(before, after *config.Config) []liftedOrder {
	same := func(a keyset.Order) func(keyset.Order) bool {
		return func(b keyset.Order) bool {
			return a.Kid == b.Kid && a.Thumbprint == b.Thumbprint && (b.Action == keyset.Revoke || a.Action == b.Action)
		}
	}
	var gone []liftedOrder
	for i := range before.Issuers {
		old := &before.Issuers[i]
		var kept []keyset.Order
		for j := range after.Issuers {
			if after.Issuers[j].Issuer == old.Issuer {
				kept = orders(&after.Issuers[j])
			}
		}
		for _, o := range orders(old) {
			if o.Action != keyset.Reinstate && !slices.ContainsFunc(kept, same(o)) {
				gone = append(gone, liftedOrder{old.Name, o})
			}
		}
	}
	return gone
}

// fixedSettings names the settings that differ but are read at start alone.
func fixedSettings(a, b *config.Config) []string {
	var names []string
	for _, s := range [...]struct {
		name string
		a, b any
	}{
		{"guard", a.Guard, b.Guard},
		{"listen.grpc", a.Listen.GRPC, b.Listen.GRPC},
		{"listen.socket_mode", a.Listen.SocketMode, b.Listen.SocketMode},
		{"listen.admin", a.Listen.Admin, b.Listen.Admin},
		{"listen.metrics", a.Listen.Metrics, b.Listen.Metrics},
		{"listen.tls", a.Listen.TLS, b.Listen.TLS},
		{"listen.drain", a.Listen.Drain, b.Listen.Drain},
		{"state_dir", a.StateDir, b.StateDir},
		{"ledger", a.Ledger, b.Ledger},
		{"admin", a.Admin, b.Admin},
	} {
		if !reflect.DeepEqual(s.a, s.b) {
			names = append(names, s.name)
		}
	}
	return names
}

// watchTick is how often the configuration file is looked at. A change counts
// once two looks agree about it, and so within a second.
const watchTick = 400 * time.Millisecond

// watch reloads when the file changes, until ctx ends. What one look finds may be
// half of a file that is being written, or the gap before it is replaced.
func (g *guard) watch(ctx context.Context) {
	ticker := time.NewTicker(watchTick)
	defer ticker.Stop()
	path := g.file.path
	last := look(path)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := look(path)
		settled := now == last
		last = now
		if settled && g.differs(now) {
			g.reload("the file changed")
		}
	}
}

// differs tells whether the file is another one than the one that was last read,
// well or not.
func (g *guard) differs(now sight) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.file.read != now
}
