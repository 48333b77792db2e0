// Command bench measures what the guard costs: checks per second and CPU per
// check over real gRPC on a unix socket, next to a server that allows everything
// without looking, next to the bare signature check, and with a state_dir next to
// without one. Machines differ and are noisy, so what counts are the ratios within
// one run: the rounds of all candidates alternate, and medians are compared.
//
// With -orders it measures what the memory of the guard costs: orders a second,
// how soon an order is in effect, how long a start takes with a long past, and
// what the ledger grows by. The directory for it is made in TMPDIR: what a disk
// takes to make a line durable is part of the figures.
//
//	make bench
//	go run ./e2e/bench -rounds 5 -time 5s
//	go run ./e2e/bench -orders
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == emptyServer {
		if err := serveEmpty(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	rounds := flag.Int("rounds", 5, "how often each candidate is measured")
	length := flag.Duration("time", 2*time.Second, "how long each measurement of checks takes")
	issuers := flag.Int("issuers", 1000, "how many issuers the large configuration has")
	settle := flag.Duration("settle", 10*time.Second, "how long a guard is left alone before its idle memory is read")
	orders := flag.Bool("orders", false, "measure orders, starts and the ledger in place of checks")
	o := orderPlan{issuers: 100}
	flag.IntVar(&o.tries, "tries", 1000, "with -orders: how many orders each measurement gives")
	flag.IntVar(&o.tombstones, "tombstones", 10_000, "with -orders: how many keys are out of service at a start")
	flag.IntVar(&o.events, "events", 1_000_000, "with -orders: how many events there are at the longest start")
	flag.Parse()
	o.rounds, o.settle = *rounds, *settle
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *orders {
		err = o.run(ctx, os.Stdout)
	} else {
		err = run(ctx, os.Stdout, *rounds, *length, *settle, *issuers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, rounds int, length, settle time.Duration, many int) (err error) {
	if rounds < 1 || length <= 0 || settle < 0 || many < 2 {
		return errors.New("-rounds and -time must be positive, -issuers at least 2")
	}
	w, err := newWorld(ctx, many, settle)
	defer func() { err = errors.Join(err, w.stop()) }()
	if err != nil {
		return err
	}
	for round := range rounds {
		say("round %d of %d", round+1, rounds)
		// There and back, so that nobody is always measured after the same one.
		order := slices.Clone(w.candidates)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range order {
			m, err := c.measure(ctx, length)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.results = append(c.results, m)
		}
	}
	w.print(out, rounds, length)
	return nil
}
