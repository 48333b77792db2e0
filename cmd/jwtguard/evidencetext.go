package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jwtguard/jwtguard/internal/ledger"
)

func (r *evidenceReport) writeJSON(w io.Writer) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return err
	}
	_, err := io.WriteString(w, escape(b.String()))
	return err
}

func (r *evidenceReport) writeText(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(oneLine(fmt.Sprintf(format, args...)) + "\n")
	}
	for _, f := range r.Exports {
		if f.Problem != "" {
			line("NOT GOOD  %s: %s", f.File, f.Problem)
			continue
		}
		line("good      %s: guard %s, %s to %s, %s; every hash and figure holds", f.File, name(f.Guard), f.From, f.To, checkCount(f.Lines, "line", "lines"))
		line("          head %d %s", f.HeadSeq, f.Head)
		for _, g := range f.Gaps {
			kind := "gap"
			if g.Kind == ledger.GapMissing {
				kind = "MISSING"
			}
			line("          %s %s to %s: %s", kind, orNever(g.Since), evidenceStamp(g.Until), g.Words())
		}
	}
	for _, g := range r.MissingGuards {
		line("MISSING   there is no export of guard %s", name(g))
	}
	for _, h := range r.MissingHeads {
		line("MISSING   %s is in no chain: the log event is of another guard or period, or the ledger was rewritten since", h)
	}
	if r.Problem != "" {
		line("NOT GOOD  %s", r.Problem)
	}
	b.WriteByte('\n')
	switch {
	case r.Keys == nil && (r.Problem != "" || !r.Good && r.anyProblem()):
		line("Nothing is said about keys: what is not good must be replaced or left out first.")
	case len(r.Keys) == 0:
		line("No key is retired or revoked on any of these guards.")
	default:
		r.writeKeys(&b)
	}
	b.WriteByte('\n')
	wrap(&b, 0, r.Caveat)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *evidenceReport) anyProblem() bool {
	for _, f := range r.Exports {
		if f.Problem != "" {
			return true
		}
	}
	return false
}

// writeKeys is the table of keys out of service, and what is to be said of them.
func (r *evidenceReport) writeKeys(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "ISSUER\tKID\tSTATE\tOUT OF SERVICE SINCE\tLATEST ACCEPTANCE\tAFTER THAT?\tTHUMBPRINT")
	for _, v := range r.Keys {
		latest, after := "never", "no"
		if !v.Latest.IsZero() {
			latest = fmt.Sprintf("%s (%s)", evidenceStamp(v.Latest), name(v.LatestGuard))
		}
		if v.After {
			after = "YES, by " + time.Duration(v.AfterSeconds*float64(time.Second)).Round(time.Millisecond).String()
		}
		fmt.Fprintln(t, strings.Join([]string{
			name(v.Issuer), name(v.Kid), v.State, fmt.Sprintf("%s (%s)", evidenceStamp(v.Since), name(v.Guard)), latest, after, thumbprintText(v.Thumbprint),
		}, "\t"))
	}
	t.Flush() // into memory: it cannot fail
	for _, v := range r.Keys {
		note := func(format string, args ...any) {
			b.WriteString("  ")
			wrap(b, 2, fmt.Sprintf("%s %s: ", name(v.Issuer), name(v.Kid))+fmt.Sprintf(format, args...))
		}
		if a := v.Attempts; a.Sum() > 0 {
			note("attempts after retirement: %s", a)
		}
		if v.Everywhere.After(v.Since) {
			note("out of service on all of these guards that know it since %s", evidenceStamp(v.Everywhere))
		}
		for _, l := range []struct {
			guards []string
			what   string
		}{
			{v.Own, "ACCEPTED after it was out of service on the same guard: %s"},
			{v.InService, "STILL IN SERVICE at the end of the export of %s"},
			{v.Short, "nothing is known after its retirement of %s: that export ends before"},
			{v.Unknown, "not on record at %s"},
		} {
			if len(l.guards) > 0 {
				all := make([]string, len(l.guards))
				for i, g := range l.guards {
					all[i] = name(g)
				}
				note(l.what, strings.Join(all, ", "))
			}
		}
	}
}

// orNever is a time, if there is one.
func orNever(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return evidenceStamp(t)
}
