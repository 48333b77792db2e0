package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
)

const evidenceVerifyUsage = `Usage: jwtguard evidence verify [--guards A,B…] [--head HASH]… [--json] FILE…

Checks exports of one or many guards (the JSON). It needs nothing else, and runs on
any machine. Every line's hash, the chain, and each figure, which it makes again from
the lines, must hold. Then it says of each retired or revoked key when a token of it
was last accepted, on whichever guard.

  --guards A,B   the guards of which there must be an export
  --head HASH    a hash from a ledger_head log event that was kept off the guard's
                 host: it must stand in a chain. May be given several times
  --json         the same for machines

A chain does not stop whoever rewrites a whole ledger: only a hash that was kept
elsewhere does.

Exit status: 0 all of it holds; 1 an export is broken, or something is missing; 2
wrong usage, or a file that cannot be read or is no export.
`

// caveat stands below every verdict.
const caveat = "A chain does not stop whoever rewrites a whole ledger: compare each head, or give --head, with a ledger_head log event that was kept off the guard's host."

// evidenceReport is what verify says, and what --json prints: its field names do
// not change.
type evidenceReport struct {
	Good          bool             `json:"good"`
	Exports       []evidenceFile   `json:"exports"`        // in the order of the command line
	MissingGuards []string         `json:"missing_guards"` // of --guards
	MissingHeads  []string         `json:"missing_heads"`  // of --head
	Problem       string           `json:"problem,omitempty"`
	Keys          []ledger.Verdict `json:"keys"` // retired or revoked somewhere; null if an export is broken
	Caveat        string           `json:"caveat"`
}

// evidenceFile is one export.
type evidenceFile struct {
	File    string       `json:"file"`
	Problem string       `json:"problem,omitempty"` // what is broken; then the rest is absent
	Guard   string       `json:"guard,omitempty"`
	From    string       `json:"from,omitempty"`
	To      string       `json:"to,omitempty"`
	Lines   int          `json:"lines,omitempty"`
	HeadSeq uint64       `json:"head_seq,omitempty"`
	Head    string       `json:"head,omitempty"`
	Gaps    []ledger.Gap `json:"gaps,omitempty"`

	unreadable         bool
	uncounted, stopped bool // as in [ledger.Checked]
}

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string     { return strings.Join(*t, ",") }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

func runEvidenceVerify(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	e := &evidenceRun{name: "verify", usage: evidenceVerifyUsage, stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	guards := flags.String("guards", "", "")
	asJSON := flags.Bool("json", false, "")
	var heads texts
	flags.Var(&heads, "head", "")
	files, status, done := e.parse(flags, args)
	if done {
		return status
	}
	var wanted []string
	flags.Visit(func(f *flag.Flag) {
		if f.Name == "guards" {
			wanted = strings.Split(*guards, ",")
		}
	})
	for i := range wanted {
		wanted[i] = strings.TrimSpace(wanted[i])
	}
	switch {
	case len(files) == 0:
		return e.misuse("no export given: name the files that jwtguard evidence export wrote")
	case slices.Contains(wanted, ""):
		return e.misuse("--guards %+q: write names separated by commas, as in edge-1,edge-2", *guards)
	}
	for i, h := range heads {
		heads[i] = strings.ToLower(strings.TrimSpace(h))
		if len(heads[i]) != 64 || strings.Trim(heads[i], "0123456789abcdef") != "" {
			return e.misuse("--head %+q: write the 64 hexadecimal digits of the hash in a ledger_head log event", h)
		}
	}
	r := verifyEvidence(ctx, files, wanted, heads)
	write := r.writeText
	if *asJSON {
		write = r.writeJSON
	}
	if err := write(stdout); err != nil {
		e.complain("write the verdict: %v", err)
		return exitUsage
	}
	for _, f := range r.Exports {
		if f.Problem != "" {
			e.complain("%s: %s", f.File, f.Problem)
		}
	}
	return r.status()
}

// status is the exit status. That an export is broken is the worse news.
func (r *evidenceReport) status() int {
	broken := func(f evidenceFile) bool { return f.Problem != "" && !f.unreadable }
	unreadable := func(f evidenceFile) bool { return f.unreadable }
	switch {
	case r.Good:
		return exitDone
	case slices.ContainsFunc(r.Exports, unreadable) && !slices.ContainsFunc(r.Exports, broken):
		return exitUsage
	}
	return exitNo
}

// verifyEvidence checks all files.
func verifyEvidence(ctx context.Context, files, guards, heads []string) *evidenceReport {
	r := &evidenceReport{Good: true, MissingGuards: []string{}, MissingHeads: []string{}, Caveat: caveat}
	var all []*ledger.Checked
	count, found := map[string]int{}, map[string]bool{}
	for _, file := range files {
		f := evidenceFile{File: file}
		c, err := checkEvidence(ctx, file, ledger.CheckConfig{Heads: heads})
		if err != nil {
			f.fail(err)
			r.Exports = append(r.Exports, f)
			r.Good = false
			continue
		}
		f.Guard, f.From, f.To = c.Guard, evidenceStamp(c.From), evidenceStamp(c.To)
		f.Lines, f.HeadSeq, f.Head, f.Gaps = c.Lines, c.HeadSeq, c.Head, c.Gaps
		f.uncounted, f.stopped = c.Uncounted, c.Stopped
		r.Exports = append(r.Exports, f)
		for _, g := range c.Gaps {
			r.Good = r.Good && g.Kind != ledger.GapMissing
		}
		for _, h := range c.Heads {
			found[h] = true
		}
		count[c.Guard]++
		all = append(all, c)
	}
	for _, g := range guards {
		if count[g] == 0 && !slices.Contains(r.MissingGuards, g) {
			r.MissingGuards = append(r.MissingGuards, g)
		}
	}
	for _, h := range heads {
		if !found[h] {
			r.MissingHeads = append(r.MissingHeads, h)
		}
	}
	r.Good = r.Good && len(r.MissingGuards)+len(r.MissingHeads) == 0
	r.addUncounted()
	if len(all) == len(files) {
		r.merge(ctx, files, all, count)
	}
	return r
}

// addUncounted names the exports that the last counts of a guard may not be in.
func (r *evidenceReport) addUncounted() {
	add := func(sentence string, of func(evidenceFile) bool) {
		var all []string
		for _, f := range r.Exports {
			if of(f) {
				all = append(all, f.File)
			}
		}
		if len(all) > 0 {
			r.Caveat += sentence + named(all) + "."
		}
	}
	add(" Counts of the last 5 minutes before the end of an export may not be in it", func(f evidenceFile) bool { return f.uncounted })
	add(" What a guard accepts while it drains (listen.drain), after its last line, is in no export", func(f evidenceFile) bool { return f.stopped })
}

// merge makes the verdicts. Several exports of one guard are read again, with the
// hashes that tell whether they are of one ledger.
func (r *evidenceReport) merge(ctx context.Context, files []string, all []*ledger.Checked, count map[string]int) {
	var err error
	for i, c := range all {
		if count[c.Guard] > 1 && err == nil {
			all[i], err = checkEvidence(ctx, files[i], ledger.CheckConfig{Hashes: true})
		}
	}
	if err == nil {
		r.Keys, err = ledger.Merge(all)
	}
	if err != nil {
		r.Good, r.Problem = false, err.Error()
	}
}

// checkEvidence checks one file.
func checkEvidence(ctx context.Context, file string, cfg ledger.CheckConfig) (*ledger.Checked, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cfg.ReadKey = jose.ReadMaterial
	return ledger.CheckEvidence(ctx, f, cfg)
}

// fail notes why an export is not taken for good.
func (f *evidenceFile) fail(err error) {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err // the name is said already
	}
	f.Problem = err.Error()
	f.unreadable = !errors.As(err, new(*ledger.BrokenError))
}
