package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// page is what is printed: Markdown, section by section as they are measured.
type page struct {
	out io.Writer
	err error
}

func (p *page) write(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format, args...); p.err == nil {
		p.err = err
	}
}

// head says what the figures were taken on.
func (p *page) head(ctx context.Context, plan plan, binary string) {
	version := "unknown"
	if said, err := harness.Command(ctx, binary, "version"); err == nil {
		version = strings.Join(strings.Fields(said.Stdout), " ")
	}
	p.write("%s. %s. %s.\n", time.Now().UTC().Format(time.DateOnly), machine(), version)
	p.write("%d rounds of %v; median (least–most). The load generator runs on the same machine and is not counted.\n", plan.rounds, plan.length)
}

// machine is what the figures were taken on.
func machine() string {
	return fmt.Sprintf("%s, %d processors, %s, %s, shared with the load generator", processor(), runtime.NumCPU(), kernel(), runtime.Version())
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(text))
}

// table writes one.
func (p *page) table(heads []string, rows [][]string) {
	p.write("\n| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, r := range rows {
		p.write("| %s |\n", strings.Join(r, " | "))
	}
}

// throughputs is the table of candidates at full load and at half of it.
func (p *page) throughputs(what string, candidates []*candidate) {
	steady := slices.ContainsFunc(candidates, func(c *candidate) bool { return c.results[0].rate > 0 })
	asked := slices.ContainsFunc(candidates, func(c *candidate) bool { return c.results[0].cpuAsked > 0 })
	heads := []string{"", what + " a second", "CPU each", "a second and CPU"}
	if asked {
		heads = append(heads, "of the CPU, the server asked")
	}
	if steady {
		heads = append(heads, "at a second", "p50", "p99", "p99.9", "CPU each there")
	}
	var rows [][]string
	for _, c := range candidates {
		rate, cpu := c.over(perSecond), c.over(cpuEach)
		row := []string{c.name, rate.text("%.0f"), micros(cpu), fmt.Sprintf("%.0f", 1e9/cpu.median)}
		if asked {
			row = append(row, micros(c.over(func(f figures) float64 { return float64(f.cpuAsked) })))
		}
		switch {
		case c.results[0].rate > 0:
			row = append(row, fmt.Sprintf("%.0f", c.results[0].rate),
				millis(c.over(func(f figures) float64 { return float64(f.p50) })),
				millis(c.over(func(f figures) float64 { return float64(f.p99) })),
				millis(c.over(func(f figures) float64 { return float64(f.p999) })),
				micros(c.over(func(f figures) float64 { return float64(f.cpuSteady) })))
		case steady:
			row = append(row, "", "", "", "", "")
		}
		rows = append(rows, row)
	}
	p.table(heads, rows)
	if steady {
		p.write("\nLatencies count from when a request was due. The generator's own part of them, sent later than due: p50 %s, p99 %s (the worst medians of all rows).\n",
			micro(worst(candidates, func(f figures) float64 { return float64(f.delay50) })), micro(worst(candidates, func(f figures) float64 { return float64(f.delay99) })))
	}
}

func worst(candidates []*candidate, of func(figures) float64) time.Duration {
	most := 0.0
	for _, c := range candidates {
		most = max(most, c.over(of).median)
	}
	return time.Duration(most)
}
