// Command flood does to a guard, or to an Envoy before it, what somebody would who
// wants to wear it down. It is for tests, and for measuring what becomes of other
// people's requests meanwhile. It uses one processor at the most, ends with SIGTERM,
// and then prints what it did.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

func main() {
	var a attack
	kind := flag.String("kind", "", "what to do: "+strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	flag.StringVar(&a.at, "at", "", "where: unix:///path or host:port")
	flag.IntVar(&a.connections, "connections", 1, "at once")
	flag.IntVar(&a.streams, "streams", 100, "at once, of each connection")
	perSecond := flag.Float64("rate", 0, "units a second, of all connections together; 0: as fast as one processor can")
	tokens := flag.String("tokens", "", "file with a token on each line, for those that send checks")
	flag.BoolVar(&a.envoy, "envoy", false, "send requests, as to Envoy, in place of checks")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := run(&a, *kind, *tokens, *perSecond); err != nil {
		fmt.Fprintln(os.Stderr, "flood:", err)
		os.Exit(2)
	}
}

func run(a *attack, kind, tokens string, perSecond float64) error {
	do, ok := kinds[kind]
	if !ok || a.at == "" || flag.NArg() > 0 {
		return fmt.Errorf("-kind %q, -at %q: say what and where; see -h", kind, a.at)
	}
	if err := a.load(tokens); err != nil {
		return err
	}
	a.setPace(perSecond)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	fmt.Println("flooding")
	a.run(ctx, do)
	return json.NewEncoder(os.Stdout).Encode(a.count())
}
