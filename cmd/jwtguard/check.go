package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
)

const checkUsage = `Usage: jwtguard check -c FILE [--json] [--max-age DURATION]
       jwtguard check --from-envoy FILE

Reads a configuration as "jwtguard serve" would, and says what is wrong with it,
what is unwise about it, and how long a withdrawn key is still trusted.

  -c FILE             the configuration
  --max-age DURATION  for how long an HTTP cache in front of the JWKS may keep an
                      answer (its max-age, such as 10m); 0 if it is not given
  --json              the same for machines: one JSON object; durations are
                      numbers of seconds
  --from-envoy FILE   prints the configuration that an Envoy jwt_authn filter, or
                      Istio's RequestAuthentication, becomes here, with what could
                      not be carried over as comments on top; - is stdin

Exit status: 0 nothing worse than warnings; 1 an error was found, which the
guard starts with all the same; 2 wrong usage, or a configuration that cannot be
read or is not valid (each mistake as FILE:LINE:COLUMN: message on stderr).
With --from-envoy: 0 everything was carried over; 1 something was not, or is
weaker than before, and the configuration was printed all the same; 2 nothing was
printed, since FILE cannot be read or holds nothing of the kind.
`

// checkMaxAge is more than any HTTP cache keeps an answer (RFC 9111 knows no
// limit), and keeps the sums in range.
const checkMaxAge = 365 * 24 * time.Hour

// runCheck is the command "jwtguard check": it returns the exit status.
func runCheck(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("c", "", "")
	asJSON := flags.Bool("json", false, "")
	var maxAge time.Duration
	flags.Func("max-age", "", func(s string) (err error) {
		if maxAge, err = time.ParseDuration(s); err != nil {
			return errors.New("write a number and its unit, such as 10m")
		}
		return nil
	})
	foreign := flags.String("from-envoy", "", "")
	usage := func(complaint string) int {
		fmt.Fprintf(stderr, "jwtguard check: %s\n\n%s", escape(complaint), synopsis(checkUsage))
		return exitUsage
	}
	switch err := flags.Parse(args); {
	case err == flag.ErrHelp:
		fmt.Fprint(stdout, checkUsage)
		return exitDone
	case err != nil:
		return usage(err.Error())
	case flags.NArg() > 0:
		return usage(fmt.Sprintf("unexpected argument %q", flags.Arg(0)))
	case *foreign != "" && flags.NFlag() > 1:
		return usage("--from-envoy goes with no other flag")
	case *foreign != "":
		return runAdopt(*foreign, stdin, stdout, stderr)
	case *file == "":
		return usage("no configuration given: add -c FILE")
	case maxAge < 0 || maxAge > checkMaxAge:
		return usage("--max-age must be between 0 and " + config.Span(checkMaxAge))
	}
	c, err := config.Load(*file)
	if err == nil {
		// What only the parts themselves can judge, such as keys that stand in
		// the file. A guard that is made starts nothing.
		_, err = newGuard(&configFile{path: *file}, c, nil, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		fmt.Fprintln(stderr, escape(err.Error()))
		return exitUsage
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "max-age" })
	report := newCheckReport(c, maxAge, given)
	if *asJSON {
		err = report.writeJSON(stdout)
	} else {
		err = report.writeText(stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "jwtguard check: write the report: %v\n", err)
		return exitUsage
	case report.Errors > 0:
		return exitNo
	}
	return exitDone
}

// checkReport is what check says, and what --json prints: its field names do
// not change.
type checkReport struct {
	File        string         `json:"file"`
	Policies    int            `json:"policies"`
	Errors      int            `json:"errors"`
	Warnings    int            `json:"warnings"`
	MaxAge      checkSeconds   `json:"max_age_seconds"` // M, of a cache in front of the JWKS
	MaxAgeGiven bool           `json:"max_age_given"`   // false: 0 was assumed
	Findings    []checkFinding `json:"findings"`        // errors first
	Issuers     []checkIssuer  `json:"issuers"`         // in the order of the file

	metrics config.Address // where others reach it; zero: they do not
}

// checkFinding is one finding of the lint.
type checkFinding struct {
	Severity string `json:"severity"` // error or warning
	Rule     string `json:"rule"`
	Issuer   string `json:"issuer,omitempty"` // absent: the guard as a whole
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy"`
}

// checkIssuer is one issuer and its trust windows.
type checkIssuer struct {
	Name   string `json:"name"`
	Issuer string `json:"issuer"`
	Source string `json:"source"` // uri, discovery, file or inline

	// From the withdrawal of a key by the issuer (of an inline key: by a reload)
	// to the last acceptance of a token of it, at most.
	WithdrawnHealthy checkSeconds  `json:"withdrawn_healthy_seconds"`
	WithdrawnOutage  *checkSeconds `json:"withdrawn_outage_seconds"` // while the JWKS cannot be fetched; null for inline keys
	RevokedHere      checkSeconds  `json:"revoked_here_seconds"`     // always 0
	RetiredHere      checkSeconds  `json:"retired_here_seconds"`     // the grace of an order that names none

	// List a new key so long before its first use, at least; null for inline keys.
	PublishAhead *checkSeconds `json:"publish_ahead_seconds"`
	// List an old key so long after its last use, at least: KeepNeeded (L + e) is
	// for how long it must be accepted, KeepActual (O + G) for how long it is.
	// The first two are null where the life of tokens is not known.
	KeepListed *checkSeconds `json:"keep_listed_seconds"`
	KeepNeeded *checkSeconds `json:"keep_needed_seconds"`
	KeepActual checkSeconds  `json:"keep_actual_seconds"`

	jwks    string // where the keys come from, in words
	overlap checkSeconds
}

// checkSeconds is a duration that JSON shows as a number of seconds.
type checkSeconds time.Duration

func (s checkSeconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(s).Seconds())
}

// String is the duration as people write it.
func (s checkSeconds) String() string { return config.Span(time.Duration(s)) }

func newCheckReport(c *config.Config, maxAge time.Duration, given bool) checkReport {
	r := checkReport{
		File: c.File, MaxAge: checkSeconds(maxAge), MaxAgeGiven: given,
		Findings: []checkFinding{}, Issuers: []checkIssuer{}, Policies: len(c.Policies),
	}
	if !c.Listen.Metrics.Local() {
		r.metrics = c.Listen.Metrics
	}
	for _, f := range c.Lint() {
		if f.Severity == config.Error {
			r.Errors++
		} else {
			r.Warnings++
		}
		r.Findings = append(r.Findings, checkFinding{
			Severity: string(f.Severity), Rule: f.Rule, Issuer: f.Issuer,
			Line: f.Place.Line, Column: f.Place.Column, Message: f.Message, Remedy: f.Remedy,
		})
	}
	for i := range c.Issuers {
		r.Issuers = append(r.Issuers, newCheckIssuer(&c.Issuers[i], maxAge))
	}
	return r
}

func newCheckIssuer(iss *config.Issuer, maxAge time.Duration) checkIssuer {
	a := iss.Alignment(maxAge)
	seconds := func(d time.Duration) *checkSeconds { return (*checkSeconds)(&d) }
	out := checkIssuer{
		Name: iss.Name, Issuer: iss.Issuer, Source: iss.JWKS.Source(),
		WithdrawnHealthy: checkSeconds(a.Tail()),
		RetiredHere:      checkSeconds(iss.Keys.Grace),
		KeepActual:       checkSeconds(a.KeepActual()),
		jwks:             checkSource(iss),
		overlap:          checkSeconds(a.Overlap),
	}
	if iss.JWKS.Inline == nil {
		out.WithdrawnHealthy, out.WithdrawnOutage = checkSeconds(a.Healthy()), seconds(a.Outage())
		out.PublishAhead = seconds(a.PublishAhead())
	}
	if a.TokenLife > 0 {
		out.KeepListed, out.KeepNeeded = seconds(a.KeepListed()), seconds(a.KeepNeeded())
	}
	return out
}

// checkSource says where the keys come from; without a query, which may hold a
// secret.
func checkSource(iss *config.Issuer) string {
	every := fmt.Sprintf(", every %s", config.Span(iss.JWKS.Interval))
	switch iss.JWKS.Source() {
	case "inline":
		return "this configuration"
	case "file":
		return "the file " + iss.JWKS.File + every + " and when it changes"
	case "uri":
		place := "the configured URI"
		if u, err := url.Parse(iss.JWKS.URI); err == nil {
			place = u.Scheme + "://" + u.Host + u.EscapedPath()
		}
		return place + every
	}
	return "discovery" + every
}

func (r checkReport) writeJSON(w io.Writer) error {
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

func (r checkReport) writeText(w io.Writer) error {
	var b strings.Builder
	r.File = strings.ReplaceAll(r.File, "\n", `\n`) // escape leaves lines as they are
	fmt.Fprintf(&b, "%s: %s, %s; %s, %s\n", r.File,
		checkCount(len(r.Issuers), "issuer", "issuers"), checkCount(r.Policies, "policy", "policies"),
		checkCount(r.Errors, "error", "errors"), checkCount(r.Warnings, "warning", "warnings"))
	for _, f := range r.Findings {
		f.write(&b, r.File)
	}
	for _, iss := range r.Issuers {
		iss.write(&b)
	}
	b.WriteString("\nA cache in front of the JWKS adds its max-age to every window: ")
	if r.MaxAgeGiven {
		fmt.Fprintf(&b, "%s are in the figures (--max-age).\n", r.MaxAge)
	} else {
		b.WriteString("0 was assumed; give it as --max-age.\n")
	}
	if !r.metrics.IsZero() {
		fmt.Fprintf(&b, "Whoever reaches %s reads the names of issuers, keys and policies, and how much each is used (listen.metrics).\n", r.metrics)
	}
	_, err := io.WriteString(w, escape(b.String()))
	return err
}

func (f checkFinding) write(b *strings.Builder, file string) {
	place := file
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", file, f.Line, f.Column)
	}
	about := ""
	if f.Issuer != "" {
		about = " issuer " + f.Issuer + ":"
	}
	fmt.Fprintf(b, "\n%s: %s:%s %s\n    to do: %s\n", place, f.Severity, about, f.Message, f.Remedy)
}

// write is the table of one issuer, for a person who has a key to withdraw.
func (i checkIssuer) write(b *strings.Builder) {
	fmt.Fprintf(b, "\nissuer %s (%s), keys from %s\n", i.Name, i.Issuer, i.jwks)
	t := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	row := func(what, format string, args ...any) {
		fmt.Fprintf(t, "  %s\t%s\n", what, fmt.Sprintf(format, args...))
	}
	if i.WithdrawnOutage != nil {
		row("issuer withdraws a key, JWKS healthy", "refused everywhere after at most %s", i.WithdrawnHealthy)
		row("issuer withdraws a key, JWKS outage", "refused everywhere after at most %s", i.WithdrawnOutage)
	} else {
		row("a key is taken out of the file", "refused at most %s after the reload", i.WithdrawnHealthy)
	}
	row("a key is revoked here", "refused at once, by this guard")
	row("a key is retired here", "refused %s after the order, or after the grace that it names; by a line in retired: without at, at once", i.RetiredHere)
	if i.PublishAhead != nil {
		row("publish a new key", "at least %s before its first use", i.PublishAhead)
	}
	switch {
	case i.KeepNeeded == nil:
		row("keep the old key listed", "not known: without max_lifetime nobody can say when its last token expires")
	case *i.KeepNeeded > i.KeepActual:
		row("keep the old key listed", "at least %s after its last use, TOO LITTLE NOW: needed %s (token life + skew), have %s (overlap %s + grace)",
			i.KeepListed, i.KeepNeeded, i.KeepActual, i.overlap)
	default:
		row("keep the old key listed", "at least %s after its last use: needed %s (token life + skew), have %s (overlap %s + grace)",
			i.KeepListed, i.KeepNeeded, i.KeepActual, i.overlap)
	}
	t.Flush() // into memory: it cannot fail
}

func checkCount(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
