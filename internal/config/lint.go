package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Severity is how bad a finding is.
type Severity string

// The severities. What is an error makes the guard refuse good tokens in a
// normal rotation or a short outage; it runs all the same.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// usualSkew is "no more than a few minutes" (RFC 7519, section 4.1.4).
const usualSkew = 5 * time.Minute

const (
	// usualInterval is the longest by which verifiers refresh a JWKS that do so at all.
	usualInterval = time.Hour
	// usualStale outlasts an issuer's outage overnight.
	usualStale = 24 * time.Hour
	// envoyWaits is how long the shipped configuration has Envoy wait for a check.
	envoyWaits = 2 * time.Second
)

// leastToken is what nobody guesses ten times a second, if it is random at all: 64 bits
// in hexadecimal digits.
const leastToken = 16

// maxJWKS is the most that the guard reads of a JWKS.
const maxJWKS = 512 << 10

// Finding is what the configuration may say, but had better not.
type Finding struct {
	Severity Severity
	Rule     string // names the kind of finding for scripts
	Issuer   string // its name; empty: the guard as a whole is concerned
	Place    Place  // zero if it is not known
	Message  string // what is so, and what follows from it
	Remedy   string // what to do
}

// Lint lists what is unwise in the configuration: errors first, then warnings,
// each in the order of the file.
func (c *Config) Lint() []Finding {
	var found []Finding
	for i := range c.Issuers {
		c.lintIssuer(&c.Issuers[i], func(s Severity, rule, path, message, remedy string) {
			path = fmt.Sprintf("issuers[%d].%s", i, path)
			found = append(found, Finding{s, rule, c.Issuers[i].Name, c.places.find(path), message, remedy})
		})
	}
	c.lintGuard(func(rule, path, message, remedy string) {
		found = append(found, Finding{Warning, rule, "", c.places.find(path), message, remedy})
	})
	slices.SortStableFunc(found, func(a, b Finding) int {
		if a.Severity != b.Severity {
			return strings.Compare(string(a.Severity), string(b.Severity)) // error, warning
		}
		return a.Place.compare(b.Place)
	})
	return found
}

func (c *Config) lintIssuer(iss *Issuer, add func(s Severity, rule, path, message, remedy string)) {
	warn := func(rule, path, message, remedy string) { add(Warning, rule, path, message, remedy) }
	a := iss.Alignment(0)
	if a.KeepTooShort() {
		add(Error, "grace_too_short", "keys.grace",
			fmt.Sprintf("a withdrawn key is accepted for %s (overlap %s + grace %s), but its tokens live for %s (max_lifetime %s + clock_skew %s): good tokens are refused in every rotation",
				Span(a.KeepActual()), Span(a.Overlap), Span(a.Grace), Span(a.KeepNeeded()), Span(a.TokenLife), Span(a.ClockSkew)),
			fmt.Sprintf("set keys.grace to %s, or have the issuer list a key for %s after its last use and say so in keys.overlap",
				Span(a.KeepNeeded()-a.Overlap), Span(a.KeepListed())))
	}
	if iss.JWKS.Inline == nil && a.StaleTooShort() {
		add(Error, "max_stale_too_short", "jwks.max_stale",
			fmt.Sprintf("two lost fetches outlast max_stale %s: every token is refused then", Span(a.MaxStale)),
			fmt.Sprintf("set jwks.max_stale to %s (three intervals and a timeout) or more, or shorten jwks.interval", Span(a.LeastStale())))
	}
	iss.lintFreshness(warn)
	if a.GraceTooLong() {
		warn("grace_too_long", "keys.grace",
			fmt.Sprintf("grace %s outlasts every genuine token (%s: max_lifetime + 2 clock_skew): the rest helps only whoever forges tokens with a withdrawn key", Span(a.Grace), Span(a.MostGrace())),
			fmt.Sprintf("set keys.grace to %s", Span(a.KeepNeeded())))
	}
	if iss.MaxLifetime == 0 {
		warn("lifetime_unbounded", "max_lifetime",
			"no max_lifetime: a token may live for ever, and nobody can say when the last one of an old key is gone",
			"set max_lifetime to the longest life that the issuer gives a token")
	}
	if iss.ClockSkew > usualSkew {
		warn("clock_skew_long", "clock_skew",
			fmt.Sprintf("clock_skew %s: a token is accepted for so long after its exp, and before its nbf", Span(iss.ClockSkew)),
			fmt.Sprintf("synchronise the clocks, and set clock_skew to %s or less (RFC 7519: usually no more than a few minutes)", Span(usualSkew)))
	}
	if slices.Equal(iss.Audiences, []string{AnyAudience}) {
		warn("any_audience", "audiences",
			"audiences is *: a token that was made for any other service is accepted here",
			"name the audiences that tokens for this service carry")
	}
	if url, path := iss.keyURL(); strings.HasPrefix(strings.ToLower(url), "http:") {
		warn("plain_http", path,
			"the keys come over plain http: whoever can answer in the issuer's place can add a key",
			"use https, with jwks.ca_file for an authority of your own")
	}
	if file := iss.JWKS.File; file != "" {
		if _, err := readFile(file, maxJWKS); err != nil {
			warn("jwks_file_unreadable", "jwks.file",
				fmt.Sprintf("%s cannot be read: %v: the guard starts without it, and accepts no token of this issuer until it can", quotePath(file), reason(err)),
				"put the file there, unless it is mounted later, and let the guard's user read it")
		}
	}
	if c.StateDir == "" && iss.Keys.ActivationDelay > 0 {
		warn("activation_delay_restarts", "keys.activation_delay",
			"activation_delay without state_dir: each restart forgets when a key was first seen, and waits again before it accepts any",
			"remove keys.activation_delay, unless each restart may wait for it")
	}
	c.lintTombstones("retired", iss.Keys.Retired, warn)
	c.lintTombstones("revoked", iss.Keys.Revoked, warn)
}

// lintFreshness tells of what keeps the guard from hearing of a withdrawal in time.
func (i *Issuer) lintFreshness(warn func(rule, path, message, remedy string)) {
	if i.JWKS.Inline != nil {
		return
	}
	if i.JWKS.MaxStale > usualStale {
		warn("max_stale_long", "jwks.max_stale",
			fmt.Sprintf("max_stale %s: while the keys cannot be read, a key that the issuer withdraws is accepted for so long, and for its grace", Span(i.JWKS.MaxStale)),
			fmt.Sprintf("set jwks.max_stale to the longest outage of the issuer that its tokens must survive, %s or less", Span(usualStale)))
	}
	if i.JWKS.File != "" {
		return // a file is read as soon as it changes
	}
	if i.JWKS.Interval > usualInterval {
		warn("interval_long", "jwks.interval",
			fmt.Sprintf("interval %s: so long may pass until this guard hears that a key was withdrawn", Span(i.JWKS.Interval)),
			fmt.Sprintf("set jwks.interval to %s or less: where nothing changed, a fetch costs next to nothing", Span(usualInterval)))
	}
	if i.JWKS.UnknownKidWait > envoyWaits {
		warn("unknown_kid_wait_long", "jwks.unknown_kid_wait",
			fmt.Sprintf("unknown_kid_wait %s: the shipped configuration has Envoy wait for an answer for %s, and answer 503 then", Span(i.JWKS.UnknownKidWait), Span(envoyWaits)),
			"set jwks.unknown_kid_wait below the timeout of Envoy's grpc_service")
	}
}

// keyURL is the URL that keys are fetched from or discovered by, and its path
// in the configuration; empty if there is none.
func (i *Issuer) keyURL() (url, path string) {
	switch i.JWKS.Source() {
	case "uri":
		return i.JWKS.URI, "jwks.uri"
	case "discovery":
		return i.Issuer, "issuer"
	}
	return "", ""
}

func (c *Config) lintTombstones(list string, lines []Tombstone, warn func(rule, path, message, remedy string)) {
	for i, t := range lines {
		path := fmt.Sprintf("keys.%s[%d]", list, i)
		if t.Thumbprint == "" {
			warn(list+"_without_thumbprint", path,
				fmt.Sprintf("the %s key %s has no thumbprint: the same material may return under another kid", list, quote(t.Kid)),
				"add its thumbprint")
		}
		if list == "retired" && t.Grace > 0 && c.StateDir == "" {
			warn("retired_grace_restarts", path,
				fmt.Sprintf("the retired key %s has a grace of %s, but no state_dir: after a restart this guard has never seen the key, and gives no grace", quote(t.label()), Span(t.Grace)),
				"do not restart guards while the grace runs; once it is over, write grace: 0s")
		}
	}
}

// label names the key in a message.
func (t Tombstone) label() string {
	if t.Kid != "" {
		return t.Kid
	}
	return t.Thumbprint
}

func (c *Config) lintGuard(warn func(rule, path, message, remedy string)) {
	if c.StateDir == "" {
		warn("no_state_dir", "state_dir",
			"no state_dir: retirements and revocations that are not written in the configuration are forgotten at a restart",
			"set state_dir to a directory that outlives restarts, or write what is out of service into keys.retired and keys.revoked (jwtguard keys list --retired -o config prints the lines)")
	}
	if c.Admin.TokenFile != "" {
		lintToken(c.Admin.TokenFile, warn)
	}
	if !c.Listen.Admin.IsZero() && !c.Listen.Admin.Local() {
		warn("admin_exposed", "listen.admin",
			fmt.Sprintf("the admin listener %s can be reached from other machines", c.Listen.Admin),
			"listen on a loopback address or a unix socket; scrapers and probes have listen.metrics")
	}
	if a := c.Listen.Admin; a.Network == "unix" && c.Listen.SocketMode&0o002 != 0 && othersEnter(filepath.Dir(a.Addr)) {
		warn("admin_socket_open", "listen.socket_mode",
			fmt.Sprintf("everybody on this machine may connect to %s, unless its folder keeps them out, and whoever may connect may give orders", a),
			"set socket_mode to \"0660\", or give the admin socket a folder of its own that only operators may enter (mode 0700)")
	}
	for i, g := range c.Listen.GRPC {
		if a := c.Listen.Admin; a.Network == "unix" && g.Address.Network == "unix" && filepath.Dir(a.Addr) == filepath.Dir(g.Address.Addr) {
			warn("admin_beside_grpc", "listen.admin",
				fmt.Sprintf("%s is in one folder with %s, and both have socket_mode: who may ask for decisions may also give orders", a, g.Address),
				"give the admin socket a folder of its own that only operators may enter")
		}
		if !g.Address.Local() && c.Listen.TLS.ClientCA == "" {
			path := fmt.Sprintf("listen.grpc[%d]", i)
			warn("grpc_exposed", path,
				fmt.Sprintf("the gRPC listener %s can be reached from other machines, and anyone may ask it about any token", g.Address),
				"listen on a loopback address or a unix socket, or set listen.tls with client_ca")
		}
	}
}

// othersEnter tells whether everybody may enter a folder, or it is not there yet.
func othersEnter(dir string) bool {
	info, err := os.Stat(dir)
	return err != nil || info.Mode()&0o001 != 0
}

func lintToken(file string, warn func(rule, path, message, remedy string)) {
	if info, err := os.Stat(file); err == nil && info.Mode()&0o004 != 0 {
		warn("token_world_readable", "admin.token_file",
			fmt.Sprintf("%s can be read by everybody on this machine: every change over TCP is refused", quotePath(file)),
			"take the right to read it from others (chmod o-r; defaultMode: 0440 of a Kubernetes secret)")
	}
	if token, err := readFile(file, maxPEM); err == nil && len(bytes.TrimSpace(token)) < leastToken {
		warn("token_short", "admin.token_file",
			fmt.Sprintf("%s holds less than %d characters: whoever reaches the admin listener may guess them, ten times a second", quotePath(file), leastToken),
			"make a token with openssl rand -hex 32")
	}
}
