package main

import (
	"google.golang.org/grpc/metadata"

	"github.com/jwtguard/jwtguard/internal/telemetry"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// newTelemetry makes what observes the guard.
func (g *guard) newTelemetry() (*telemetry.Telemetry, error) {
	version, commit := built()
	cfg := telemetry.Config{
		Log: g.log, Issuers: g.measured, Metadata: metadata.ValueFromIncomingContext,
		Guard: guardID(g.started), Version: version, Commit: commit,
		TokenCache: func() (verify.CacheSize, bool) { return g.current.Load().verifier.CacheSize() },
	}
	if g.ledger != nil {
		cfg.Ledger = func() (sequence, errors uint64) {
			s := g.ledger.Status()
			return s.Sequence, s.Errors
		}
	}
	return telemetry.New(cfg)
}

// measured is the present state of all issuers, for metrics.
func (g *guard) measured() ([]telemetry.Issuer, keyset.Instant) {
	current := g.current.Load()
	all := make([]telemetry.Issuer, 0, len(current.config.Issuers))
	for _, i := range current.config.Issuers {
		cache := current.caches[i.Issuer]
		all = append(all, telemetry.Issuer{
			Name: i.Name, Set: cache.Set(), LastSuccess: cache.Status().LastSuccess,
			Skew: i.ClockSkew, MaxLifetime: i.MaxLifetime, Recording: g.since.Life,
		})
	}
	return all, g.clock.Now()
}
