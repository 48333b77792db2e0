package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// keysArgs are the arguments of a command of "jwtguard keys".
type keysArgs struct {
	file, admin, tokenFile string
	asJSON                 bool

	issuer, kid, thumbprint string // empty: not given; the kid noKid stands for none

	retired bool   // list
	output  string // list
	reason  string // of changes, as the rest
	grace   string // empty: the issuer's
	force   bool
	unseen  bool
}

// noKid stands for no kid, on the command line as in the admin API.
const noKid = "-"

func (a *keysArgs) commonFlags(f *flag.FlagSet) {
	f.StringVar(&a.file, "c", "", "")
	f.StringVar(&a.admin, "admin", "", "")
	f.StringVar(&a.tokenFile, "token-file", "", "")
	f.BoolVar(&a.asJSON, "json", false, "")
}

func (a *keysArgs) listFlags(f *flag.FlagSet) {
	f.BoolVar(&a.retired, "retired", false, "")
	f.StringVar(&a.output, "o", "", "")
}

func (a *keysArgs) keyFlags(f *flag.FlagSet) {
	f.StringVar(&a.thumbprint, "thumbprint", "", "")
}

func (a *keysArgs) orderFlags(f *flag.FlagSet) {
	a.keyFlags(f)
	f.StringVar(&a.reason, "reason", "", "")
}

func (a *keysArgs) revokeFlags(f *flag.FlagSet) {
	a.orderFlags(f)
	f.BoolVar(&a.force, "force", false, "")
	f.BoolVar(&a.unseen, "unseen", false, "")
}

func (a *keysArgs) retireFlags(f *flag.FlagSet) {
	a.revokeFlags(f)
	f.StringVar(&a.grace, "grace", "", "")
}

// parse reads the arguments of a command.
func (a *keysArgs) parse(c keysCommand, args []string) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	a.commonFlags(flags)
	c.flags(a, flags)
	names, err := anywhere(flags, args)
	if err != nil {
		return err
	}
	flags.Visit(func(f *flag.Flag) {
		if f.Value.String() == "" && f.Name != "reason" && err == nil {
			err = fmt.Errorf("-%s is empty: give it a value, or leave it out", f.Name)
		}
	})
	switch {
	case err != nil:
		return err
	case len(names) < c.names:
		return errors.New([...]string{"no ISSUER given: its name in the configuration",
			"no KID given: the key's kid, or - with --thumbprint T"}[len(names)])
	case len(names) > c.names+c.spare:
		return fmt.Errorf("unexpected argument %+q", names[c.names+c.spare])
	}
	for i, dst := range []*string{&a.issuer, &a.kid}[:len(names)] {
		if *dst = names[i]; *dst == "" {
			return fmt.Errorf("%s is empty", [...]string{"ISSUER", "KID"}[i])
		}
	}
	switch {
	case a.file == "" && a.admin == "":
		return errors.New("which guard? Add -c FILE, its configuration, or --admin URL, where it listens")
	case a.file != "" && a.admin != "":
		return errors.New("-c and --admin may name two guards: give one of them")
	}
	if c.check != nil {
		if complaint := c.check(a); complaint != "" {
			return errors.New(complaint)
		}
	}
	return nil
}

// anywhere parses flags that stand before, between and after the other arguments,
// which it gives. After "--" there are no more flags.
func anywhere(flags *flag.FlagSet, args []string) (others []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		if parsed := len(args) - len(rest); parsed > 0 && args[parsed-1] == "--" {
			return append(others, rest...), nil
		}
		if len(rest) == 0 {
			return others, nil
		}
		others, args = append(others, rest[0]), rest[1:]
	}
}

func (a *keysArgs) checkList() string {
	switch {
	case a.output != "" && a.output != "config":
		return fmt.Sprintf("-o %+q: write config", a.output)
	case a.output != "" && !a.retired:
		return "-o config prints keys that are out of service: add --retired"
	case a.output != "" && a.asJSON:
		return "-o config and --json: give one of them"
	}
	return ""
}

func (a *keysArgs) checkKey() string {
	if a.kid == noKid && a.thumbprint == "" {
		return "- for KID means by thumbprint: add --thumbprint T"
	}
	return ""
}

func (a *keysArgs) checkOrder() string {
	if strings.TrimSpace(a.reason) == "" {
		return "no reason given: add --reason TEXT, for whoever reads the record"
	}
	if a.grace != "" {
		if d, err := time.ParseDuration(a.grace); err != nil || d < 0 {
			return fmt.Sprintf("--grace %+q: write a number and its unit, such as 0s, 30m or 1h30m", a.grace)
		}
	}
	return a.checkKey()
}
