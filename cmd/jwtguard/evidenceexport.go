package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
)

const evidenceExportUsage = `Usage: jwtguard evidence export -c FILE [--from T] [--to T] [-o FILE] [--format F]

Writes what the guard's ledger (state_dir) has of a period: for each key when it was
published, used, withdrawn, retired or revoked, and by whom, how often it was used,
what was attempted with it afterwards, and the gaps in the record. It works whether
the guard runs or not, and changes nothing.

  -c FILE      the guard's configuration
  --from T     the beginning: a time (2026-11-01T12:00:00Z) or a date (2026-11-01,
               its first instant in UTC); default: that of the record
  --to T       the end, included: a time, or a date (to its last instant in UTC);
               default: that of the record
  -o FILE      where to; it appears when it is complete. Default: standard output
  --format F   json (default), which can be verified, or markdown, to be read

Counts of use are written every 5 minutes: the borders of the period are that sharp.
A running guard gives the same with its counts until now: GET /api/v1/evidence of its
admin listener, with from, to and format.

Exit status: 0 done; 1 the ledger is damaged, or has nothing of the period; 2 wrong
usage, or a configuration, ledger or output that cannot be used.
`

func runEvidenceExport(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	e := &evidenceRun{name: "export", usage: evidenceExportUsage, stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	file := flags.String("c", "", "")
	from := flags.String("from", "", "")
	to := flags.String("to", "", "")
	out := flags.String("o", "", "")
	format := flags.String("format", "json", "")
	others, status, done := e.parse(flags, args)
	switch {
	case done:
		return status
	case len(others) > 0:
		return e.misuse("unexpected argument %+q", others[0])
	case *file == "":
		return e.misuse("no configuration given: add -c FILE")
	case *format != "json" && *format != "markdown":
		return e.misuse("--format %+q: write json or markdown", *format)
	}
	first, last, err := ledger.ReadPeriod(*from, *to)
	if err != nil {
		return e.misuse("--%v", err)
	}
	c, err := config.Load(*file)
	if err != nil {
		fmt.Fprintln(stderr, escape(err.Error()))
		return exitUsage
	}
	if c.StateDir == "" {
		e.complain("%s: state_dir is not set: a guard with this configuration keeps no record, and so there is no evidence", c.File)
		return exitUsage
	}
	x, err := ledger.ReadEvidence(ctx, ledger.EvidenceConfig{
		Dir: c.StateDir, From: first, To: last, Promises: promises(c), ReadKey: jose.ReadMaterial,
	})
	if err != nil {
		return e.failed(c, err)
	}
	for _, f := range x.Findings {
		e.complain("note: %s", f)
	}
	write := func(w io.Writer) error { return x.WriteJSON(ctx, w) }
	if *format == "markdown" {
		write = x.WriteMarkdown
	}
	if *out == "" {
		if err := write(stdout); err != nil {
			e.complain("write the evidence: %v; what was written is not whole", err)
			return exitUsage
		}
		return exitDone
	}
	if err := writeWhole(*out, write); err != nil {
		e.complain("-o %s: %v", *out, err)
		return exitUsage
	}
	fmt.Fprintln(stdout, oneLine(fmt.Sprintf("%s: guard %s, %s to %s, %s, %s; head %d %s", *out, name(x.Guard), evidenceStamp(x.From), evidenceStamp(x.To),
		checkCount(len(x.Keys), "key", "keys"), checkCount(len(x.Gaps), "gap", "gaps"), x.HeadSeq, x.Head)))
	return exitDone
}

func evidenceStamp(t time.Time) string { return t.Truncate(time.Second).Format(time.RFC3339) }

// promises are the trust windows of the configuration. What HTTP caches add to
// them is not known here.
func promises(c *config.Config) []ledger.Promise {
	var all []ledger.Promise
	for i := range c.Issuers {
		iss := newCheckIssuer(&c.Issuers[i], 0)
		a := c.Issuers[i].Alignment(0)
		p := ledger.Promise{
			Issuer: iss.Name, Iss: iss.Issuer, Confirmation: a.Confirmation().Seconds(),
			Seen: a.Tail().Seconds(), Healthy: time.Duration(iss.WithdrawnHealthy).Seconds(),
		}
		if iss.WithdrawnOutage != nil {
			outage := time.Duration(*iss.WithdrawnOutage).Seconds()
			p.Outage = &outage
		}
		all = append(all, p)
	}
	return all
}

// failed says why there is no evidence.
func (e *evidenceRun) failed(c *config.Config, err error) int {
	e.complain("%s: %v", c.File, err)
	if errors.As(err, new(*ledger.DamageError)) || errors.Is(err, ledger.ErrPeriod) {
		return exitNo
	}
	return exitUsage
}

// writeWhole writes a file that bears its name only once it is complete and synced.
// What is no regular file, such as /dev/stdout, is written to as it is.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	buffered := bufio.NewWriter(f)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
