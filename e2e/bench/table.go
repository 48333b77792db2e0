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

// String is the kind of guard, for people.
func (g guard) String() string {
	if g.state {
		return countIssuers(g.issuers) + ", state_dir"
	}
	return countIssuers(g.issuers)
}

// name is the candidate that this kind of guard is with tokens of an algorithm.
func (g guard) name(alg string) string { return fmt.Sprintf("jwtguard, cold %s, %s", alg, g) }

func countIssuers(n int) string {
	if n == 1 {
		return "1 issuer"
	}
	return fmt.Sprintf("%d issuers", n)
}

// spread is the least, the median and the most of a figure over the rounds.
type spread[T cmp.Ordered] struct{ least, median, most T }

func spreadOf[T cmp.Ordered](figures []T) spread[T] {
	all := slices.Sorted(slices.Values(figures))
	return spread[T]{all[0], all[len(all)/2], all[len(all)-1]}
}

func over[R any, T cmp.Ordered](results []R, of func(R) T) spread[T] {
	all := make([]T, len(results))
	for i, r := range results {
		all[i] = of(r)
	}
	return spreadOf(all)
}

func (c *candidate) perSecond() spread[float64] {
	return over(c.results, func(m measurement) float64 { return m.perSecond })
}

func (c *candidate) cpu() spread[time.Duration] {
	return over(c.results, func(m measurement) time.Duration { return m.cpu })
}

// against compares two candidates round by round, so that what slowed the machine
// for a while slowed both.
func (c *candidate) against(reference *candidate, of func(measurement) float64) spread[float64] {
	ratios := make([]float64, len(c.results))
	for i := range ratios {
		ratios[i] = of(c.results[i]) / of(reference.results[i])
	}
	return spreadOf(ratios)
}

func (w *world) find(name string) *candidate {
	return w.candidates[slices.IndexFunc(w.candidates, func(c *candidate) bool { return c.name == name })]
}

// print writes one page.
func (w *world) print(out io.Writer, rounds int, length time.Duration) {
	fmt.Fprintf(out, "\nExt_authz over gRPC on a unix socket; %d connections, %d checks in flight, requests of %d bytes,\n", connections, inFlight, w.request)
	fmt.Fprintf(out, "%d different tokens in turn, every signature checked. %d rounds of %s, candidates alternating;\n", distinct, rounds, length)
	fmt.Fprintf(out, "median (least-most). %s.\n\n", machine())
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "\tper second\tCPU per check")
	for _, c := range w.candidates {
		p, cpu := c.perSecond(), c.cpu()
		fmt.Fprintf(t, "%s\t%.0f (%.0f-%.0f)\t%s (%s-%s)\n", c.name, p.median, p.least, p.most, micro(cpu.median), micro(cpu.least), micro(cpu.most))
	}
	t.Flush()
	empty := w.find(emptyName)
	fmt.Fprintln(out, "\nRatios of medians:")
	for _, g := range w.guards {
		for _, alg := range algorithms {
			c := w.find(g.name(alg))
			floor := empty.cpu().median + w.find("bare "+alg+" check").cpu().median
			fmt.Fprintf(out, "  %-36s CPU / (empty server + bare check) = %.2f   throughput / empty server = %.2f\n",
				strings.TrimPrefix(c.name, "jwtguard, "), float64(c.cpu().median)/float64(floor), c.perSecond().median/empty.perSecond().median)
		}
	}
	fmt.Fprintln(out, "\nWith a state_dir / without one, round by round:")
	for _, alg := range algorithms {
		with, without := w.find(guard{issuers: 1, state: true}.name(alg)), w.find(guard{issuers: 1}.name(alg))
		cpu := with.against(without, func(m measurement) float64 { return float64(m.cpu) })
		rate := with.against(without, func(m measurement) float64 { return m.perSecond })
		fmt.Fprintf(out, "  %-36s CPU %s   throughput %s\n", "cold "+alg+", 1 issuer", ratio(cpu), ratio(rate))
	}
	fmt.Fprintln(out, "\nResident memory, idle:")
	for _, g := range w.guards {
		fmt.Fprintf(out, "  %s of %d keys: %s\n", g, keysPerIssuer, mebibytes(g.idle))
	}
}

// machine is what the figures were taken on.
func machine() string {
	return fmt.Sprintf("%s, %d processors, shared with the load generator", runtime.Version(), runtime.NumCPU())
}

func ratio(s spread[float64]) string {
	return fmt.Sprintf("%.3f (%.3f-%.3f)", s.median, s.least, s.most)
}

func micro(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

func milli(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
