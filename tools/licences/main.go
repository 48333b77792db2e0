// Command licences holds the licences of what is linked into jwtguard against the
// list of those that it accepts, and keeps their texts in THIRD_PARTY_LICENSES, which
// goes with every binary: most of them ask for that.
//
//	licences                     checks; exit 1 if a licence is not accepted or the file is not current
//	licences -write              checks the licences, and writes the file anew
//	licences -sbom TIME <IN >OUT adds the licences and the time (RFC 3339) to a CycloneDX document
//
// It runs in the root of the checkout.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// inventory is the file with the texts.
const inventory = "THIRD_PARTY_LICENSES"

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("licences", flag.ExitOnError)
	write := flags.Bool("write", false, "write "+inventory+" anew")
	at := flags.String("sbom", "", "add licences and this `time` (RFC 3339) to the CycloneDX document on stdin")
	flags.Parse(args) // ends the program where it cannot
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	modules, err := linked(".")
	if err != nil {
		return err
	}
	reader, err := newReader()
	if err != nil {
		return err
	}
	if err := reader.identify(modules); err != nil {
		return err
	}

	switch {
	case *at != "":
		made, err := time.Parse(time.RFC3339, *at)
		if err != nil {
			return fmt.Errorf("-sbom: %w", err)
		}
		return complete(stdin, stdout, modules, made)
	case *write:
		return os.WriteFile(inventory, text(modules), 0o644)
	}
	have, err := os.ReadFile(inventory)
	if err != nil {
		return fmt.Errorf("%w: run make licences", err)
	}
	if !bytes.Equal(have, text(modules)) {
		return fmt.Errorf("%s is not what is linked now: run make licences, and read what changed", inventory)
	}
	fmt.Fprintln(stdout, "licences:", summary(modules))
	return nil
}

// summary counts the linked modules by licence.
func summary(modules []module) string {
	count := map[string]int{}
	others := 0
	for _, m := range modules {
		if m.own {
			continue
		}
		others++
		count[m.expression()]++
	}
	var parts []string
	for expression, n := range count {
		parts = append(parts, fmt.Sprintf("%d %s", n, expression))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%d modules are linked, all under accepted licences (%s)", others, strings.Join(parts, ", "))
}
