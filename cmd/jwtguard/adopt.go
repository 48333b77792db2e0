package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

// adoptExpected is what --from-envoy reads.
const adoptExpected = "an Envoy jwt_authn filter (JwtAuthentication, in JSON or YAML: alone, in a filter, a listener, a bootstrap or a config dump) or Istio RequestAuthentication documents"

// runAdopt is "jwtguard check --from-envoy": it prints the configuration that
// another enforcement point's becomes here, and returns the exit status.
func runAdopt(file string, stdin io.Reader, stdout, stderr io.Writer) int {
	name := file
	if file == "-" {
		name = "stdin"
	}
	data, err := readForeign(file, stdin)
	if err != nil {
		fmt.Fprintf(stderr, "%s\n", escape(fmt.Sprintf("%s: cannot be read: %v", name, err)))
		return exitUsage
	}
	a, err := adopt(name, data)
	if err != nil {
		fmt.Fprintf(stderr, "%s\njwtguard check: --from-envoy reads %s\n", escape(err.Error()), adoptExpected)
		return exitUsage
	}
	text, err := a.configuration()
	if err != nil {
		fmt.Fprintln(stderr, escape(err.Error()))
		return exitUsage
	}
	if _, err := io.WriteString(stdout, text); err != nil {
		fmt.Fprintf(stderr, "jwtguard check: write the configuration: %v\n", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, escape(a.summary()))
	if a.count(noteLost)+a.count(noteWeaker) > 0 {
		return exitNo
	}
	return exitDone
}

// readForeign reads the file, or stdin for "-". Other than regular files could
// keep it waiting for ever, without a word about why.
func readForeign(file string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if file != "-" {
		info, err := os.Stat(file)
		switch {
		case err != nil:
			return nil, errors.Unwrap(err)
		case info.IsDir():
			return nil, errors.New("it is a directory, not a file")
		case !info.Mode().IsRegular():
			return nil, errors.New("it is not a regular file: give - as FILE and send the text to stdin")
		}
		f, err := os.Open(file)
		if err != nil {
			return nil, errors.Unwrap(err)
		}
		defer f.Close()
		in = f
	}
	// One byte more, so that what is too big is seen to be.
	return io.ReadAll(io.LimitReader(in, config.MaxForeign+1))
}

// adoption is one configuration of somebody else on its way to becoming ours.
type adoption struct {
	file     string
	notes    []adoptNote
	mistakes []string // what the other program would not have started with

	providers []*adoptProvider // in the order of the file, those of all filters
	policies  []*adoptPolicy

	requirements map[string]string // names in requirement_map, to those of policies
}

// adoptNote is one thing that a person has to know about the move.
type adoptNote struct {
	place
	kind noteKind
	what string // what was found, and what becomes of it
	todo string // what to do; may be empty
}

// noteKind is how much a note weighs.
type noteKind string

const (
	noteWeaker  noteKind = "WEAKER"
	noteLost    noteKind = "NOT CARRIED OVER"
	noteDiffers noteKind = "different"
)

// place is a value of the other configuration, and the path that names it.
type place struct {
	*config.Node
	path string
}

func (p place) at(key string, n *config.Node) place {
	if p.path != "" {
		key = p.path + "." + key
	}
	return place{n, key}
}

func (a *adoption) note(kind noteKind, p place, what, todo string) {
	a.notes = append(a.notes, adoptNote{p, kind, what, todo})
}

func (a *adoption) count(kind noteKind) (n int) {
	for _, note := range a.notes {
		if note.kind == kind {
			n++
		}
	}
	return n
}

// mistake notes what the program that the file is for would refuse. Guessing what
// was meant could open what was closed.
func (a *adoption) mistake(p place, format string, args ...any) {
	a.mistakes = append(a.mistakes, fmt.Sprintf("%s:%d:%d: %s: %s", a.file, p.Line, p.Column, shorten(p.path), fmt.Sprintf(format, args...)))
}

// adopt understands the text of the file.
func adopt(name string, data []byte) (*adoption, error) {
	docs, err := config.ReadForeign(name, data)
	if err != nil {
		return nil, err
	}
	a := &adoption{file: name, requirements: map[string]string{}}
	found := findForeign(docs)
	if len(found.filters)+len(found.requestAuthentications) == 0 {
		return nil, fmt.Errorf("%s: no JWT configuration in it: found %s", name, describeForeign(docs, found))
	}
	for _, f := range found.filters {
		a.filter(f)
	}
	for _, r := range found.routes {
		a.perRoute(r)
	}
	a.istio(found.requestAuthentications, found.authorizationPolicies)
	if len(a.mistakes) == 0 && len(a.providers) == 0 {
		a.mistakes = append(a.mistakes, name+": no provider in it: there is no issuer to trust")
	}
	if n := len(a.mistakes); n > maxAdoptMistakes {
		a.mistakes = append(a.mistakes[:maxAdoptMistakes], fmt.Sprintf("%s: and %d more mistakes", name, n-maxAdoptMistakes))
	}
	if len(a.mistakes) > 0 {
		return nil, errors.New(strings.Join(a.mistakes, "\n"))
	}
	return a, nil
}

// maxAdoptMistakes bounds what one broken file makes a person scroll through.
const maxAdoptMistakes = 20

// configuration is the text of our configuration. The guard takes it: that is
// tried here, so that nobody finds out later.
func (a *adoption) configuration() (string, error) {
	text := a.write(a.assemble())
	c, err := config.Parse("configuration", []byte(text))
	if err == nil {
		_, err = newGuard(&configFile{path: "configuration"}, c, nil, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return "", fmt.Errorf("%s: what it becomes is no configuration that the guard takes: %s; cut the file into parts, or write the configuration by hand", a.file, first)
	}
	return text, nil
}

func (a *adoption) summary() string {
	made := fmt.Sprintf("%s: %s, %s", a.file,
		checkCount(len(a.providers), "provider", "providers"), checkCount(len(a.policies), "policy", "policies"))
	weaker, lost, differs := a.count(noteWeaker), a.count(noteLost), a.count(noteDiffers)
	if weaker+lost+differs == 0 {
		return made + "; everything was carried over"
	}
	return fmt.Sprintf("%s; %d not carried over, %d WEAKER than before, %d different: they stand at the top of the configuration", made, lost, weaker, differs)
}
