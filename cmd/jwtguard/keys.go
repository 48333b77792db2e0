package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

const keysUsage = `Usage: jwtguard keys COMMAND (-c FILE | --admin URL) …

Shows the keys of a running guard, and changes what it trusts.

  list [ISSUER]          all keys: state, since when, until when, last use
  show ISSUER KID        one key, with all that is known of it
  retire ISSUER KID      out of service for ever, after a grace for its tokens
  revoke ISSUER KID      out of service for ever, at once: it is compromised
  reinstate ISSUER KID   undo a retirement; a revocation cannot be undone
  refresh ISSUER         fetch the issuer's keys now

Every command takes
  -c FILE                the guard's configuration: it says where the guard listens
                         (listen.admin), and names its token (admin.token_file)
  --admin URL            or where it listens: http://HOST:PORT or unix:///PATH
  --token-file FILE      the token for changes over TCP; none is needed for the
                         unix socket. Others must not be able to read the file.
  --json                 the guard's answer as it is

ISSUER is the issuer's name in the configuration. A KID that begins with a minus
goes after --. Flags may stand anywhere before that. "jwtguard keys COMMAND --help"
tells more of each.

Exit status: 0 done; 1 the answer is no: refused, or no guard answers; 2 wrong
usage, or a configuration or token file that cannot be used.
`

// keysCommand is one command of "jwtguard keys".
type keysCommand struct {
	name  string
	usage string
	names int // how many positional arguments it needs
	spare int // how many more it may have
	flags func(*keysArgs, *flag.FlagSet)
	check func(*keysArgs) string // what is wrong with the arguments; may be nil
	run   func(*keysRun) int
	order bool // it changes what the guard trusts
	post  bool // it takes a credential
}

var keysCommands = []keysCommand{
	{name: "list", usage: keysListUsage, spare: 1, flags: (*keysArgs).listFlags, check: (*keysArgs).checkList, run: (*keysRun).list},
	{name: "show", usage: keysShowUsage, names: 2, flags: (*keysArgs).keyFlags, check: (*keysArgs).checkKey, run: (*keysRun).show},
	{name: "retire", usage: keysRetireUsage, names: 2, flags: (*keysArgs).retireFlags, check: (*keysArgs).checkOrder, run: (*keysRun).change, order: true, post: true},
	{name: "revoke", usage: keysRevokeUsage, names: 2, flags: (*keysArgs).revokeFlags, check: (*keysArgs).checkOrder, run: (*keysRun).change, order: true, post: true},
	{name: "reinstate", usage: keysReinstateUsage, names: 2, flags: (*keysArgs).orderFlags, check: (*keysArgs).checkOrder, run: (*keysRun).change, order: true, post: true},
	{name: "refresh", usage: keysRefreshUsage, names: 1, flags: func(*keysArgs, *flag.FlagSet) {}, run: (*keysRun).refresh, post: true},
}

// patience is how long a command waits for the guard.
func (c keysCommand) patience() time.Duration {
	if c.name == "refresh" {
		return refreshTimeout
	}
	return keysTimeout
}

// runKeys is the command "jwtguard keys": it returns the exit status.
func runKeys(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, keysUsage)
		return exitUsage
	}
	switch args[0] {
	case "help":
		if len(args) > 1 {
			return runKeys([]string{args[1], "--help"}, stdout, stderr)
		}
		fallthrough
	case "-h", "-help", "--help":
		fmt.Fprint(stdout, keysUsage)
		return exitDone
	}
	for _, c := range keysCommands {
		if c.name == args[0] {
			return c.start(args[1:], stdout, stderr)
		}
	}
	hint := ""
	if strings.HasPrefix(args[0], "-") {
		hint = "; the command comes first, then its flags"
	}
	fmt.Fprintf(stderr, "jwtguard keys: there is no command %+q%s\n\n%s", args[0], hint, keysUsage)
	return exitUsage
}

// start reads the command's arguments, finds the guard and asks it.
func (c keysCommand) start(args []string, stdout, stderr io.Writer) int {
	k := &keysRun{command: c, stdout: stdout, stderr: stderr}
	switch err := k.parse(c, args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, c.usage)
		return exitDone
	case err != nil:
		k.complain("%v", err)
		fmt.Fprint(stderr, "\n"+synopsis(c.usage))
		return exitUsage
	}
	switch err := k.find(); {
	case errors.As(err, new(badConfig)):
		fmt.Fprintln(stderr, escape(err.Error()))
		k.complain("the guard was not asked. If it runs, ask it without the file: --admin unix:///PATH or --admin http://HOST:PORT in place of -c")
		return exitUsage
	case err != nil:
		k.complain("%v", err)
		return exitUsage
	}
	return c.run(k)
}

// keysRun is one run of a command.
type keysRun struct {
	keysArgs
	command        keysCommand
	guard          adminClient
	tokenPath      string // empty: there is none
	token          string // empty: none is sent
	stdout, stderr io.Writer
}

// complain tells on stderr what went wrong. Parts of it come from others, and must
// not begin lines or colours.
func (k *keysRun) complain(format string, args ...any) {
	k.note("jwtguard keys "+k.command.name+": "+format, args...)
}

// note tells one more line on stderr.
func (k *keysRun) note(format string, args ...any) {
	fmt.Fprintln(k.stderr, oneLine(fmt.Sprintf(format, args...)))
}

// print writes the answer. One that nobody could read is none.
func (k *keysRun) print(text string) int {
	if _, err := io.WriteString(k.stdout, text); err != nil {
		k.complain("write the answer: %v", err)
		return exitUsage
	}
	return exitDone
}
