// Command bench measures what the guard costs, next to servers that do less and
// next to Envoy's own JWT filter, and prints one page of Markdown:
//
//   - direct: checks over gRPC on a unix socket, beside a server that allows
//     everything without looking, with the generated codec and with one that does
//     nothing, and beside the bare signature check;
//   - envoy: requests through Envoy without a filter, with jwt_authn, and with
//     ext_authz to the empty server and to the guard;
//   - scale: many keys, issuers and keys out of service beside one, and what it costs
//     to keep the keys of many issuers fresh;
//   - telemetry: metrics and spans beside none, and scrapes;
//   - revocation: how soon a revocation is in effect under full load.
//
// Machines differ and are noisy, so what counts are the ratios within one run: the
// rounds of all candidates alternate, and medians are compared. Whatever is no
// allow, a cold token that was in the token cache and a warm one that was not are
// errors, not figures.
//
// With -orders it measures what the memory of the guard costs: orders a second,
// how soon an order is in effect, how long a start takes with a long past, and
// what the ledger grows by. The directory for it is made in TMPDIR: what a disk
// takes to make a line durable is part of the figures.
//
//	make bench
//	make bench-orders
//	make bench-page
//	go run ./e2e/bench -only direct,envoy -rounds 3 -time 1s
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if ran, err := play(os.Args[1:]); ran {
		exit(err)
	}
	only := flag.String("only", "", "parts to measure, separated by commas: "+partNames()+" (default: all)")
	quick := flag.Bool("quick", false, "a short round of everything, small: whether it works, not what it costs")
	rounds := flag.Int("rounds", fullPlan.rounds, "how often each candidate is measured")
	length := flag.Duration("time", fullPlan.length, "how long each measurement takes")
	settle := flag.Duration("settle", fullPlan.settle, "how long a guard is left alone before its idle memory is read")
	into := flag.String("into", "", "a file that the page is put into as well, between two lines that say so")
	profile := flag.String("profile", "", "write profiles of the guard's processor time into this directory, and measure nothing")
	orders := flag.Bool("orders", false, "measure orders, starts and the ledger in place of checks")
	tries := flag.Int("tries", fullOrders.tries, "with -orders: how many orders each measurement gives")
	tombstones := flag.Int("tombstones", fullOrders.tombstones, "with -orders: how many keys are out of service at a start")
	events := flag.Int("events", fullOrders.events, "with -orders: how many events there are at the longest start")
	flag.Parse()
	p, o := fullPlan, fullOrders
	if *quick {
		p, o = quickPlan, quickOrders
	}
	flag.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "only":
			p.only = strings.Split(*only, ",")
		case "rounds":
			p.rounds, o.rounds = *rounds, *rounds
		case "time":
			p.length = *length
		case "settle":
			p.settle = *settle
		case "tries":
			o.tries = *tries
		case "tombstones":
			o.tombstones = *tombstones
		case "events":
			o.events = *events
		}
	})
	o.settle = p.settle
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name, run := "make bench", p.run
	switch {
	case *profile != "":
		tune()
		exit(profiles(ctx, *profile, profileLength))
	case *orders:
		name, run = "make bench-orders", o.run
	default:
		tune()
	}
	var page bytes.Buffer
	err := run(ctx, io.MultiWriter(os.Stdout, &page))
	if err == nil && *into != "" {
		text := page.Bytes()
		if *orders { // columns, and not Markdown
			text = slices.Concat([]byte("```\n"), bytes.TrimLeft(text, "\n"), []byte("```\n"))
		}
		err = insert(*into, name, text)
	}
	exit(err)
}

// profileLength is how long each profile takes: at 100 samples a second of each
// core, more of them do not change what the compiler makes of it.
const profileLength = 8 * time.Second

// tune makes this process disturb what it measures as little as it can.
func tune() {
	// Requests are made once and live long: collecting them often finds nothing.
	debug.SetGCPercent(800)
	debug.SetMemoryLimit(4 << 30)
	// The thread that paces requests sleeps by itself, and must not keep those
	// waiting that take the answers.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// plan is how much is measured.
type plan struct {
	only   []string // parts; empty: all
	rounds int
	length time.Duration // of each measurement
	settle time.Duration

	tokens     int           // different ones, of warm traffic
	issuers    int           // of the large configuration
	keys       int           // of each of them, where there are many
	tombstones int           // keys out of service
	idle       time.Duration // how long refreshes without checks are watched
	tries      int           // revocations
}

var (
	fullPlan = plan{
		// Many short rounds: what else goes on in a shared machine changes within seconds.
		rounds: 15, length: 600 * time.Millisecond, settle: 10 * time.Second,
		tokens: 500, issuers: 1000, keys: 10, tombstones: 10_000, idle: 30 * time.Second, tries: 300,
	}
	quickPlan = plan{
		rounds: 1, length: 300 * time.Millisecond,
		tokens: 100, issuers: 20, keys: 3, tombstones: 100, idle: 500 * time.Millisecond, tries: 5,
	}
	fullOrders  = orderPlan{rounds: 5, issuers: 100, tries: 1000, tombstones: 10_000, events: 1_000_000}
	quickOrders = orderPlan{rounds: 1, issuers: 3, tries: 20, tombstones: 100, events: 2000}
)

// parts are what can be measured, in the order of the page.
var parts = []struct {
	name string
	run  func(context.Context, *page, plan, string) error
}{
	{"direct", direct}, {"envoy", throughEnvoy}, {"scale", scale}, {"telemetry", costOfTelemetry}, {"revocation", revocation},
}

func partNames() string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	return strings.Join(names, ",")
}

// check tells what cannot be measured.
func (p plan) check() error {
	if p.rounds < 1 || p.length < 50*time.Millisecond || p.settle < 0 {
		return fmt.Errorf("-rounds must be at least 1, -time at least 50ms, -settle not negative")
	}
	for _, name := range p.only {
		if !slices.Contains(strings.Split(partNames(), ","), name) {
			return fmt.Errorf("-only: there is no part %q: choose from %s", name, partNames())
		}
	}
	return nil
}
