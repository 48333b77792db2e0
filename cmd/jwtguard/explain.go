package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

const explainUsage = `Usage: jwtguard explain -c FILE [--policy NAME] [--at TIME] [--json] < TOKEN

Reads one token from standard input (with or without "Bearer " before it), fetches
the keys of its issuer, and says for each step whether it passes, and where and why
it stops, and what to do about that. A guard that runs with the same configuration
is asked what it knows about the key, and its word counts: a key that it has put
out of service is refused, and one that it has in grace passes for older tokens
alone, whatever the issuer lists. The signature is never printed.

  -c FILE        the configuration
  --policy NAME  the policy to judge by (default: default)
  --at TIME      judge it at another instant, in RFC 3339 (2026-11-01T12:00:00Z),
                 by the keys that the issuer lists now
  --json         the same for machines

The answer is ACCEPTED, REFUSED or, where the running guard may know better than can
be seen here, NOT DECIDED: a good token, too, if the guard does not say what it knows
about the key, or if it cannot fetch the keys of the issuer, which could be fetched
here. Where no guard runs (nothing listens at listen.admin), the issuer's keys and
the configuration decide, unless there is a state_dir, which may hold orders.

Exit status: 0 the token would be accepted; 1 it would be refused, or that is not
decided; 2 wrong usage, no token, or a configuration that cannot be used.
`

// maxInput is more than any token may have, so that too long a one is explained
// rather than cut.
const maxInput = 1 << 20

func runExplain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("c", "", "")
	policy := flags.String("policy", verify.DefaultPolicy, "")
	at := flags.String("at", "", "")
	asJSON := flags.Bool("json", false, "")
	fail := func(complaint string) int {
		fmt.Fprintf(stderr, "jwtguard explain: %s\n", complaint)
		return exitUsage
	}
	refuse := func(complaint string) int {
		return fail(complaint + "\n\n" + strings.TrimSuffix(synopsis(explainUsage), "\n"))
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, explainUsage)
		return exitDone
	case err != nil:
		return refuse(err.Error())
	case flags.NArg() > 0:
		return refuse(fmt.Sprintf("unexpected argument; the token is read from standard input, so that it stays out of the shell's history (%d bytes given)", len(flags.Arg(0))))
	case *file == "":
		return refuse("no configuration given: add -c FILE")
	}
	var instant time.Time
	if *at != "" {
		var err error
		if instant, err = time.Parse(time.RFC3339, *at); err != nil {
			return fail(fmt.Sprintf("--at %q: write a time as in 2026-11-01T12:00:00Z", *at))
		}
	}
	c, err := config.Load(*file)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if _, ok := c.Policies[*policy]; !ok {
		return fail(fmt.Sprintf("--policy %q: the configuration has %s", *policy, strings.Join(slices.Sorted(maps.Keys(c.Policies)), ", ")))
	}
	prompt(stdin, stderr)
	token, err := readToken(stdin)
	if err != nil {
		return fail(err.Error())
	}
	e, err := explain(c, *policy, token, instant)
	if err != nil {
		return fail(err.Error())
	}
	write := e.writeText
	if *asJSON {
		write = e.writeJSON
	}
	switch err := write(stdout); {
	case err != nil:
		return fail(fmt.Sprintf("write the explanation: %v", err))
	case e.Reason != verify.OK || e.Undecided:
		return exitNo
	}
	return exitDone
}

// prompt tells whoever sits at the terminal that it is waiting for a token.
func prompt(stdin io.Reader, stderr io.Writer) {
	f, ok := stdin.(*os.File)
	if !ok {
		return
	}
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintln(stderr, "jwtguard explain: paste the token, then press Enter and Ctrl-D (most terminals take 4095 characters at most; pipe a longer one in)")
	}
}

// readToken takes the token as people paste it: with the line's end, and with the
// scheme of the Authorization header.
func readToken(stdin io.Reader) (string, error) {
	input, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	if len(input) > maxInput {
		return "", fmt.Errorf("standard input: more than %d bytes; one token is expected", maxInput)
	}
	token := string(bytes.TrimSpace(input))
	if rest, ok := cutFold(token, "authorization:"); ok {
		token = strings.TrimSpace(rest)
	}
	if rest, ok := cutFold(token, "bearer "); ok {
		token = strings.TrimSpace(rest)
	}
	if token == "" {
		return "", errors.New("standard input: no token; pipe it in, as in: jwtguard explain -c FILE < token.txt")
	}
	return token, nil
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
