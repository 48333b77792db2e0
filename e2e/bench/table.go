package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

const emptyName = "empty server"

func guardName(alg string, issuers int) string {
	return fmt.Sprintf("jwtguard, cold %s, %s", alg, countIssuers(issuers))
}

func countIssuers(n int) string {
	if n == 1 {
		return "1 issuer"
	}
	return fmt.Sprintf("%d issuers", n)
}

// spread is the least, the median and the most of a figure over the rounds.
type spread[T cmp.Ordered] struct{ least, median, most T }

func over[T cmp.Ordered](results []measurement, of func(measurement) T) spread[T] {
	all := make([]T, len(results))
	for i, r := range results {
		all[i] = of(r)
	}
	slices.Sort(all)
	return spread[T]{all[0], all[len(all)/2], all[len(all)-1]}
}

func (c *candidate) perSecond() spread[float64] {
	return over(c.results, func(m measurement) float64 { return m.perSecond })
}

func (c *candidate) cpu() spread[time.Duration] {
	return over(c.results, func(m measurement) time.Duration { return m.cpu })
}

func (w *world) find(name string) *candidate {
	return w.candidates[slices.IndexFunc(w.candidates, func(c *candidate) bool { return c.name == name })]
}

// print writes one page.
func (w *world) print(out io.Writer, rounds int, length time.Duration) {
	fmt.Fprintf(out, "\nExt_authz over gRPC on a unix socket; %d connections, %d checks in flight, requests of %d bytes,\n", connections, inFlight, w.request)
	fmt.Fprintf(out, "%d different tokens in turn, every signature checked. %d rounds of %s, candidates alternating;\n", distinct, rounds, length)
	fmt.Fprintf(out, "median (least-most). %s, %d processors, shared with the load generator.\n\n", runtime.Version(), runtime.NumCPU())
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "\tper second\tCPU per check")
	for _, c := range w.candidates {
		p, cpu := c.perSecond(), c.cpu()
		fmt.Fprintf(t, "%s\t%.0f (%.0f-%.0f)\t%s (%s-%s)\n", c.name, p.median, p.least, p.most, micro(cpu.median), micro(cpu.least), micro(cpu.most))
	}
	t.Flush()
	empty := w.find(emptyName)
	fmt.Fprintln(out, "\nRatios of medians:")
	for _, m := range w.memory {
		for _, alg := range algorithms {
			c := w.find(guardName(alg, m.issuers))
			floor := empty.cpu().median + w.find("bare "+alg+" check").cpu().median
			fmt.Fprintf(out, "  %-36s CPU / (empty server + bare check) = %.2f   throughput / empty server = %.2f\n",
				strings.TrimPrefix(c.name, "jwtguard, "), float64(c.cpu().median)/float64(floor), c.perSecond().median/empty.perSecond().median)
		}
	}
	fmt.Fprintln(out, "\nResident memory, idle:")
	for _, m := range w.memory {
		fmt.Fprintf(out, "  %s of %d keys: %.1f MiB\n", countIssuers(m.issuers), keysPerIssuer, float64(m.bytes)/(1<<20))
	}
}

func micro(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}
