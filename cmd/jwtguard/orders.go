package main

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// newAPI is what operators talk to.
func (g *guard) newAPI() (*admin.API, error) {
	listen := g.started.Listen.Admin
	host, _, _ := net.SplitHostPort(listen.Addr)
	return admin.New(admin.Config{
		Guard: g, Orders: g.group, Pinned: g.pinned, Kept: g.kept, Record: g.refused,
		Probes: admin.Probes(g.readiness, g.events.Handler()), TokenFile: g.started.Admin.TokenFile, Host: host,
	})
}

// refused puts a refused attempt on record.
func (g *guard) refused(r admin.Refusal) {
	attrs := map[string]string{
		"from": r.From, "method": r.Method, "path": r.Path,
		"status": strconv.Itoa(r.Status), "reason": string(r.Reason), "detail": r.Detail,
	}
	if r.Omitted > 0 {
		attrs["omitted"] = strconv.Itoa(r.Omitted)
	}
	g.log.Warn("admin_refused", slog.String("from", r.From), slog.String("method", r.Method), slog.String("path", r.Path),
		slog.Int("status", r.Status), slog.String("reason", string(r.Reason)), slog.String("detail", r.Detail), slog.Int("omitted", r.Omitted))
	if g.ledger != nil {
		g.ledger.Note("admin_refused", attrs)
	}
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
