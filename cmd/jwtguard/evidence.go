package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
)

const evidenceUsage = `Usage: jwtguard evidence COMMAND …

Proves from a guard's ledger what became of each signing key, to somebody who need
not trust the guard.

  export -c FILE   write what is on record of a period, with the lines that prove it
  verify FILE…     check exports of one or many guards, on any machine

"jwtguard evidence COMMAND --help" tells more of each.

Exit status: 0 done; 1 the answer is no: the ledger or an export is broken, or
something is missing; 2 wrong usage, or a file that cannot be read.
`

// runEvidence is the command "jwtguard evidence": it returns the exit status.
func runEvidence(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, evidenceUsage)
		return exitUsage
	}
	// What was begun is put away when somebody loses patience.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch args[0] {
	case "export":
		return runEvidenceExport(ctx, args[1:], stdout, stderr)
	case "verify":
		return runEvidenceVerify(ctx, args[1:], stdout, stderr)
	case "help":
		if len(args) > 1 && args[1] != "help" {
			return runEvidence([]string{args[1], "--help"}, stdout, stderr)
		}
		fallthrough
	case "-h", "-help", "--help":
		fmt.Fprint(stdout, evidenceUsage)
		return exitDone
	}
	hint := ""
	if strings.HasPrefix(args[0], "-") {
		hint = "; the command comes first, then its flags"
	}
	fmt.Fprintf(stderr, "jwtguard evidence: there is no command %+q%s\n\n%s", args[0], hint, evidenceUsage)
	return exitUsage
}

// evidenceRun is one run of a command.
type evidenceRun struct {
	name, usage    string
	stdout, stderr io.Writer
}

// parse reads flags and gives the other arguments. If it is done with that, it
// tells the exit status.
func (e *evidenceRun) parse(flags *flag.FlagSet, args []string) (others []string, status int, done bool) {
	flags.SetOutput(io.Discard)
	others, err := anywhere(flags, args)
	switch {
	case err == flag.ErrHelp:
		fmt.Fprint(e.stdout, e.usage)
		return nil, exitDone, true
	case err != nil:
		return nil, e.misuse("%v", err), true
	}
	return others, 0, false
}

// complain tells on stderr what went wrong. Parts of it come from files of others.
func (e *evidenceRun) complain(format string, args ...any) {
	fmt.Fprintf(e.stderr, "jwtguard evidence %s: %s\n", e.name, oneLine(fmt.Sprintf(format, args...)))
}

// misuse is a complaint about the command line.
func (e *evidenceRun) misuse(format string, args ...any) int {
	e.complain(format, args...)
	fmt.Fprint(e.stderr, "\n"+synopsis(e.usage))
	return exitUsage
}
