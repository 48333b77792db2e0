package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

func perSecond(f figures) float64 { return f.perSecond }
func cpuEach(f figures) float64   { return float64(f.cpu) }
func p99(f figures) float64       { return float64(f.p99) }

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

func (c *candidate) over(of func(figures) float64) spread[float64] { return over(c.results, of) }

// against compares two candidates round by round, so that what slowed the machine
// for a while slowed both.
func (c *candidate) against(reference *candidate, of func(figures) float64) spread[float64] {
	ratios := make([]float64, len(c.results))
	for i := range ratios {
		ratios[i] = of(c.results[i]) / of(reference.results[i])
	}
	return spreadOf(ratios)
}

// text writes all three.
func (s spread[T]) text(format string) string {
	return fmt.Sprintf(format+" ("+format+"–"+format+")", s.median, s.least, s.most)
}

func ratio(s spread[float64]) string { return s.text("%.3f") }

func micros(s spread[float64]) string {
	return spread[float64]{s.least / 1e3, s.median / 1e3, s.most / 1e3}.text("%.1f") + " µs"
}

func millis(s spread[float64]) string {
	return spread[float64]{s.least / 1e6, s.median / 1e6, s.most / 1e6}.text("%.2f") + " ms"
}

func micro(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d)/1e3) }
func milli(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func countIssuers(n int) string {
	if n == 1 {
		return "1 issuer"
	}
	return fmt.Sprintf("%d issuers", n)
}
