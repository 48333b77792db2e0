// Command bench measures what the guard costs: checks per second and CPU per
// check over real gRPC on a unix socket, next to a server that allows everything
// without looking, and next to the bare signature check. Machines differ and are
// noisy, so what counts are the ratios within one run: the rounds of all
// candidates alternate, and medians are compared.
//
//	make bench
//	go run ./e2e/bench -rounds 5 -time 5s
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	length := flag.Duration("time", 2*time.Second, "how long each measurement takes")
	issuers := flag.Int("issuers", 1000, "how many issuers the large configuration has")
	settle := flag.Duration("settle", 10*time.Second, "how long a guard is left alone before its idle memory is read")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *rounds, *length, *settle, *issuers); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, rounds int, length, settle time.Duration, many int) (err error) {
	if rounds < 1 || length <= 0 || settle < 0 || many < 2 {
		return errors.New("-rounds and -time must be positive, -issuers at least 2")
	}
	w, err := newWorld(ctx, many, settle)
	if w != nil {
		defer func() { err = errors.Join(err, w.stop()) }()
	}
	if err != nil {
		return err
	}
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
		for _, c := range w.candidates {
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
