// Command jwtguard answers Envoy's external-authorization calls: it verifies the
// JWT of each request against keys that it keeps fresh, and refuses tokens of
// retired keys, whatever the issuer publishes later.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
)

// Exit codes, the same for every command.
const (
	exitDone  = 0 // it did what was asked
	exitNo    = 1 // it ran, and the answer is no
	exitUsage = 2 // wrong usage, or a configuration that cannot be read or used
)

const usage = `jwtguard verifies the JWTs of requests for Envoy (ext_authz), follows every
signing key through its life, and refuses tokens of retired keys.

  jwtguard serve -c FILE            answer Envoy
  jwtguard check -c FILE            validate a configuration, print its trust windows
  jwtguard keys COMMAND             list, retire, revoke the keys of a running guard
  jwtguard explain -c FILE < TOKEN  say step by step why a token passes or not
  jwtguard evidence COMMAND         prove what became of each key: export, verify
  jwtguard version                  version, commit, Go

Each command has --help. Exit codes: 0 done; 1 it ran and the answer is no;
2 wrong usage or unusable configuration.
`

// version is set by the linker; without it the build's own information serves.
var version string

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	command, rest := args[0], args[1:]
	switch command {
	case "serve":
		return runServe(rest, stdout, stderr)
	case "check":
		return runCheck(rest, stdin, stdout, stderr)
	case "keys":
		return runKeys(rest, stdout, stderr)
	case "explain":
		return runExplain(rest, stdin, stdout, stderr)
	case "evidence":
		return runEvidence(rest, stdout, stderr)
	case "version", "--version":
		return runVersion(rest, stdout, stderr)
	case "help", "-h", "-help", "--help":
		if len(rest) > 0 && rest[0] != "help" {
			return run(append(slices.Clone(rest), "--help"), stdin, stdout, stderr)
		}
		fmt.Fprint(stdout, usage)
		return exitDone
	}
	fmt.Fprintf(stderr, "jwtguard: there is no command %q\n\n%s", command, usage)
	return exitUsage
}

const versionUsage = `Usage: jwtguard version

Prints the version, the commit that it was built from, and the version of Go.
`

func runVersion(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		fmt.Fprintln(stdout, versionText())
		return exitDone
	case args[0] == "-h" || args[0] == "-help" || args[0] == "--help":
		fmt.Fprint(stdout, versionUsage)
		return exitDone
	}
	fmt.Fprintf(stderr, "jwtguard version: unexpected argument %q\n\n%s", args[0], synopsis(versionUsage))
	return exitUsage
}

// versionText is version, commit and Go, as far as the build knows them.
func versionText() string {
	v, commit := built()
	return fmt.Sprintf("jwtguard %s, commit %s, %s %s/%s", v, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// built is the version and the commit, as far as the build knows them.
func built() (v, commit string) {
	v, commit = version, "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	if v == "" {
		v = "(devel)"
	}
	return v, commit
}
