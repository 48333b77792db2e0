package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/internal/config"
)

// printConfig prints what is out of service for ever as lines of the configuration:
// a guard that starts with them knows what this one knows.
func (k *keysRun) printConfig(keys []admin.Key) int {
	now := time.Now()
	keys = slices.DeleteFunc(keys, func(key admin.Key) bool { return !key.Final && key.State != "revoked" })
	sortKeys(keys)
	slices.SortStableFunc(keys, func(a, b admin.Key) int {
		return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(listOf(a), listOf(b)))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "# Keys that are out of service at the guard at %s, on %s.\n",
		oneLine(k.guard.address), now.UTC().Format(time.RFC3339))
	b.WriteString("# Under keys: of each issuer, put these in place of the lists that stand there.\n" +
		"# A guard without a state_dir gives a grace only while it runs: one that starts refuses the key at once.\n")
	if len(keys) == 0 {
		b.WriteString("# There are none.\n")
	}
	lost := 0
	issuer, list := "", ""
	for _, key := range keys {
		if key.Issuer != issuer {
			issuer, list = key.Issuer, ""
			fmt.Fprintf(&b, "\n# issuer %s\n", name(issuer))
		}
		line, ok := configLine(key, now)
		if !ok {
			lost++
			k.complain("the kid %+q of %s cannot stand in a configuration, and its thumbprint is not known: it is left out", key.Kid, name(issuer))
			continue
		}
		if l := listOf(key); l != list {
			list = l
			fmt.Fprintf(&b, "%s%s:\n", configIndent, list)
		}
		b.WriteString(configIndent + "  - " + line + "\n")
	}
	if status := k.print(b.String()); status != exitDone || lost == 0 {
		return status
	}
	return exitNo
}

// configIndent is where keys: has its content in the documented layout.
const configIndent = "      "

func listOf(key admin.Key) string {
	if key.State == "revoked" {
		return "revoked"
	}
	return "retired"
}

// configLine is one key as the configuration writes it; false if no line can name
// it.
func configLine(key admin.Key, now time.Time) (string, bool) {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+": "+value)
		}
	}
	if !strings.ContainsFunc(key.Kid, unicode.IsControl) { // nor may they stand there escaped
		add("kid", yamlQuote(key.Kid))
	}
	add("thumbprint", yamlQuote(key.Thumbprint))
	if len(parts) == 0 {
		return "", false
	}
	at, until := term(key, now)
	if !at.IsZero() {
		add("at", at.UTC().Format(time.RFC3339Nano))
	}
	if listOf(key) == "retired" && !at.IsZero() {
		// Without it, the issuer's default would count from at.
		add("grace", config.Span(max(until.Sub(at), 0)))
	}
	add("reason", yamlQuote(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, key.Reason)))
	return "{" + strings.Join(parts, ", ") + "}", true
}

// term is since when a key is out of service, and until when its tokens pass. The
// end of a grace must not move, whether its beginning is known or not.
func term(key admin.Key, now time.Time) (at, until time.Time) {
	switch {
	case key.RetiredAt != nil: // retired or revoked
		at, until = *key.RetiredAt, *key.RetiredAt
	case key.RetiresAt == nil:
		return at, until
	case key.State != "grace": // an order for a time to come
		return *key.RetiresAt, *key.RetiresAt
	case key.Since != nil:
		at, until = *key.Since, *key.RetiresAt
	default:
		at, until = now.Truncate(time.Second), *key.RetiresAt
	}
	if now.Before(at) { // by a clock that is ahead: other guards must not wait for that time
		until = until.Add(now.Sub(at))
		at = now
	}
	return at, until
}

// yamlQuote writes a text as a double-quoted scalar (YAML 1.2, section 7.3.1), or
// nothing if there is none.
func yamlQuote(s string) string {
	if s == "" {
		return ""
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
