package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
)

const (
	// accountEvery bounds what exports add to the ledger, which is kept for ever:
	// usage is written up to five times as often as without them.
	accountEvery = time.Minute
	// accountsAtOnce is how many may come at once: a person who tries some periods.
	accountsAtOnce = 5
	// accountWithin is how long an export waits for that. A disk that hangs must not
	// keep what is on record back.
	accountWithin = 2 * time.Second
)

func newAccounts() *rate.Limiter { return rate.NewLimiter(rate.Every(accountEvery), accountsAtOnce) }

// evidence makes evidence of the ledger that this guard writes, for who asks over
// the admin API. Of a period that is not over, the usage until now is written first.
func (g *guard) evidence(ctx context.Context, by string, from, to time.Time) (*ledger.Export, error) {
	if to.IsZero() || to.After(g.clock.Now().Life) {
		g.account(ctx, by)
	}
	x, err := ledger.ReadEvidence(ctx, ledger.EvidenceConfig{
		Dir: g.started.StateDir, From: from, To: to, Promises: promises(g.current.Load().config), ReadKey: jose.ReadMaterial,
	})
	if err != nil {
		return nil, err
	}
	for _, f := range x.Findings {
		g.log.Warn("ledger_finding", "detail", f)
	}
	return x, nil
}

// account writes what was counted until now, and that evidence was exported. If it
// cannot, evidence ends where the record does, and says so.
func (g *guard) account(ctx context.Context, by string) {
	if !g.accounts.Allow() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, accountWithin)
	defer cancel()
	if err := g.ledger.Account(ctx, ledger.EventExported, map[string]string{"by": by}); err != nil && !errors.Is(err, ledger.ErrReleased) {
		g.log.Warn("ledger_finding", "detail", "usage until now is not in the evidence: "+err.Error())
	}
}
