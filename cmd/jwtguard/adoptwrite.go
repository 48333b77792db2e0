package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

// write is the text of the configuration, with what a person has to know on top.
func (a *adoption) write(m made) string {
	var b strings.Builder
	comment(&b, "", fmt.Sprintf("From %s, by jwtguard check --from-envoy. docs/adopt.md says how to go on:", shorten(filepath.Base(a.file))))
	comment(&b, "", "begin with mode: shadow and token.forward: true in every policy; compare; then take mode: shadow out, and set forward as below once the old filter is gone.")
	for _, kind := range []noteKind{noteWeaker, noteLost, noteDiffers} {
		a.writeNotes(&b, kind)
	}
	b.WriteString("\n")
	m.write(&b)
	return b.String()
}

// titles are what stands above the notes of each kind.
var titles = map[noteKind]string{
	noteWeaker:  "WEAKER THAN BEFORE, until you do something about it:",
	noteLost:    "Not carried over:",
	noteDiffers: "Different from before:",
}

// maxNotes bounds the comments of one kind; a thousand providers have as many.
const maxNotes = 500

func (a *adoption) writeNotes(b *strings.Builder, kind noteKind) {
	n := a.count(kind)
	if n == 0 {
		return
	}
	comment(b, "", "")
	comment(b, "", titles[kind])
	sorted := slices.Clone(a.notes)
	slices.SortStableFunc(sorted, func(x, y adoptNote) int {
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
	written := 0
	for _, note := range sorted {
		if note.kind != kind {
			continue
		}
		if written++; written > maxNotes {
			comment(b, "", fmt.Sprintf("  and %d more: give --from-envoy parts of the file", n-maxNotes))
			return
		}
		comment(b, "", fmt.Sprintf("  %s:%d:%d: %s", filepath.Base(a.file), note.Line, note.Column, joined(shorten(note.path), note.what)))
		if note.todo != "" {
			comment(b, "", "    to do: "+note.todo)
		}
	}
}

func joined(path, what string) string {
	if path == "" {
		return what
	}
	return path + ": " + what
}

// comment writes one line that is a comment whatever the text.
func comment(b *strings.Builder, indent, text string) {
	text = strings.ReplaceAll(escape(text), "\n", `\n`)
	b.WriteString(strings.TrimRight(indent+"# "+text, " ") + "\n")
}

// write is the part that the guard reads.
func (m made) write(b *strings.Builder) {
	b.WriteString("issuers:\n")
	for _, i := range m.issuers {
		i.write(b)
	}
	if len(m.policies) > 0 {
		b.WriteString("policies:\n")
	}
	for _, p := range m.policies {
		p.write(b)
	}
}

func (i *madeIssuer) write(b *strings.Builder) {
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	line("  - name: %s", scalar(i.name))
	if i.comment != "" {
		comment(b, "    ", i.comment)
	}
	line("    issuer: %s", scalar(i.issuer))
	if len(i.audiences) == 0 {
		line(`    audiences: ["*"]`)
	} else {
		line("    audiences: %s", scalars(i.audiences))
	}
	if i.maxLifetime > 0 {
		line("    max_lifetime: %s", config.Span(i.maxLifetime))
	}
	if i.clockSkew > 0 {
		line("    clock_skew: %s", config.Span(i.clockSkew))
	}
	if i.optional {
		line("    optional: true")
	}
	if i.keys == (adoptKeys{}) {
		return // discovery, and its defaults
	}
	line("    jwks:")
	switch k := i.keys; {
	case k.uri != "":
		line("      uri: %s", scalar(k.uri))
	case k.file != "":
		line("      file: %s", scalar(k.file))
	case k.inline != "":
		line("      inline: %s", k.inline)
	}
	if i.keys.interval > 0 {
		line("      interval: %s", config.Span(i.keys.interval))
	}
	if i.keys.timeout > 0 {
		line("      timeout: %s", config.Span(i.keys.timeout))
	}
	if i.keys.insecure {
		line("      allow_insecure_http: true")
	}
}

func (p *madePolicy) write(b *strings.Builder) {
	line := func(format string, args ...any) { fmt.Fprintf(b, "    "+format+"\n", args...) }
	fmt.Fprintf(b, "  %s:\n", scalar(p.name))
	for _, c := range p.comment {
		comment(b, "    ", c)
	}
	if p.shadow {
		line("mode: shadow")
	}
	line("issuers: %s", scalars(p.issuers))
	if len(p.audiences) > 0 {
		line("audiences: %s", scalars(p.audiences))
	}
	if p.missing {
		line("allow_missing: true")
	}
	line("token: { header: %s, query: %s, cookie: %s, forward: %t }", scalar(p.header), scalar(p.query), scalar(p.cookie), p.forward)
	if len(p.claimHeaders) > 0 {
		line("claim_headers:")
		for _, h := range p.claimHeaders {
			line("  - { claim: %s, header: %s }", scalar(h.Claim), scalar(h.Header))
		}
	}
	if p.payloadHeader != "" {
		line("payload_header: %s", scalar(p.payloadHeader))
	}
	if p.subject != "" {
		line("required_claims: { sub: %s }", scalar(p.subject))
	}
}

// plainScalar is text that YAML takes for text without quotes, anywhere.
var plainScalar = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*$`)

// notText are words that some reader of YAML takes for something else.
var notText = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// scalar writes text as YAML. The escapes of Go are among those of YAML.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !slices.Contains(notText, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}

func scalars(list []string) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = scalar(s)
	}
	return "[" + strings.Join(all, ", ") + "]"
}
