package main

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// An export says by its lines how far its counts reach, however it is read.
func TestCountsThatAnExportMayLack(t *testing.T) {
	const head = `{"format":1,` + "\n" + `"keys":[` + "\n" + `{"event":"guard_stopped"}` + "\n" + `"ledger":[` + "\n"
	line := func(minute, event, more string) string {
		return `"{\"seq\":7,\"time\":\"2026-11-01T00:` + minute + `:00Z\",\"life\":\"2026-11-01T00:` + minute + `:00.5Z\",\"prev\":\"` + strings.Repeat("0", 64) + `\",\"event\":\"` + event + `\"` + more + `}"`
	}
	at := func(minute int) time.Time { return time.Date(2026, 11, 1, 0, minute, 0, 5e8, time.UTC) }
	long := `,\"attrs\":{\"a\":\"` + strings.Repeat("\\u00e9", 1000) + `\",\"life\":\"x\",\"event\":\"guard_stopped\"}`
	for name, c := range map[string]struct {
		lines []string
		to    time.Time
		all   bool
	}{
		"asked of a running guard":    {[]string{line("01", "observed", ""), line("02", "evidence_exported", long)}, at(2), true},
		"with the counts after it":    {[]string{line("02", "evidence_exported", ""), line("02", "usage", long), line("02", "usage", "")}, at(2), true},
		"something came after it":     {[]string{line("02", "evidence_exported", ""), line("03", "observed", "")}, at(3), false},
		"the period goes on after it": {[]string{line("02", "evidence_exported", "")}, at(3), false},
		"of a guard that has stopped": {[]string{line("02", "usage", ""), line("03", "guard_stopped", "")}, at(59), true},
		"it was started again":        {[]string{line("03", "guard_stopped", ""), line("04", "guard_started", "")}, at(4), false},
		"counts that were due":        {[]string{line("03", "observed", ""), line("05", "usage", "")}, at(5), false},
		"a text that reads like one":  {[]string{line("03", "admin_refused", long)}, at(3), false},
		"no lines":                    {nil, at(0), false},
	} {
		text := head + strings.Join(c.lines, ",\n") + "\n" + `],"hash":"` + strings.Repeat("0", 64) + `"}` + "\n"
		for how, r := range map[string]io.Reader{"at once": strings.NewReader(text), "by bytes": iotest.OneByteReader(strings.NewReader(text))} {
			var reach counts
			if n, err := io.Copy(&reach, struct{ io.Reader }{r}); n != int64(len(text)) || err != nil {
				t.Fatal(n, err)
			}
			if got := reach.until(c.to); got != c.all {
				t.Errorf("%s, %s: %t", name, how, got)
			}
			if cap(reach.row) > 2*rowBeginning {
				t.Errorf("%s, %s: %d bytes are kept", name, how, cap(reach.row))
			}
		}
	}
}
