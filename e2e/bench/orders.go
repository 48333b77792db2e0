package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// orderPlan is how much is measured of orders, starts and the ledger.
type orderPlan struct {
	rounds     int
	settle     time.Duration
	issuers    int // of the large configuration
	tries      int // orders in each measurement of them
	tombstones int
	events     int
}

// maxListed is how many keys a document may list.
const maxListed = 100

// run measures everything in turn and writes one page.
func (p orderPlan) run(ctx context.Context, out io.Writer) (err error) {
	keys := (p.tries+p.issuers-1)/p.issuers + 1 // the last usable key stays
	switch {
	case p.rounds < 1 || p.settle < 0 || p.tries < 1 || p.tombstones < 1:
		return errors.New("-rounds, -tries and -tombstones must be positive")
	case keys > maxListed || p.tries+1 >= keyset.MaxRecords:
		return fmt.Errorf("-tries must be at most %d: each takes a key out of service for ever", min(p.issuers*(maxListed-1), keyset.MaxRecords-2))
	case p.tombstones > pastIssuers*(keyset.MaxRecords-liveKeys):
		return fmt.Errorf("-tombstones must be at most %d", pastIssuers*(keyset.MaxRecords-liveKeys))
	case p.events <= p.tombstones:
		return errors.New("-events must be more than -tombstones")
	}
	say("building jwtguard, making %d keys", p.issuers*keys)
	// Each with material of its own: what is revoked under one issuer is refused
	// under all.
	s, err := newStage("", p.issuers, func(int) (all []*devissuer.Key) {
		for i := range keys {
			all = append(all, devissuer.NewKey(fmt.Sprintf("key-%d", i), "ES256"))
		}
		return all
	})
	defer func() { err = errors.Join(err, s.strike()) }()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s. %s.\n", time.Now().UTC().Format(time.DateOnly), machine())
	for _, measure := range []func(context.Context, io.Writer, *stage) error{
		p.throughput, p.effect, p.starts, p.growth,
	} {
		if err := measure(ctx, out, s); err != nil {
			return err
		}
	}
	return nil
}

// columns begins a table.
func columns(out io.Writer, heads string) *tabwriter.Writer {
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, heads)
	return t
}
