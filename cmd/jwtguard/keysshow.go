package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/admin"
)

// show prints one key.
func (k *keysRun) show() int {
	if !k.whole() {
		return exitNo
	}
	path := keyPath(k.issuer, k.kid)
	if k.thumbprint != "" {
		path += "?thumbprint=" + url.QueryEscape(k.thumbprint)
	}
	a, ok := k.ask(path, nil)
	switch {
	case !ok:
		return exitNo
	case k.asJSON:
		return k.printJSON(a.body)
	}
	var key admin.Key
	if json.Unmarshal(a.body, &key) != nil || !isKey(key) {
		return k.complainStrange()
	}
	return k.print(k.describe(key, time.Now()))
}

// nist are the names of NIST SP 800-57 part 1 for the states.
var nist = map[string]string{
	"pending": "pre-activation", "active": "active", "grace": "deactivated", "retired": "destroyed, this record is kept", "revoked": "compromised",
}

// describe is all that is known of a key, one fact a line.
func (k *keysRun) describe(key admin.Key, now time.Time) string {
	var b strings.Builder
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-*s", keysLabelWidth, label)
			wrap(&b, keysLabelWidth, text)
		}
	}
	at := func(label string, t *time.Time) {
		if t != nil {
			line(label, exactly(*t, now))
		}
	}
	line("issuer", name(key.Issuer))
	line("kid", quoted(key.Kid))
	line("thumbprint", thumbprintText(key.Thumbprint))
	line("alg", algText(key))
	line("state", fmt.Sprintf("%s (NIST SP 800-57: %s)", key.State, nist[key.State]))
	if key.RetiredAt == nil { // which says the same
		at("since", key.Since)
	}
	at("first listed", key.FirstSeen)
	if key.FirstSeen == nil {
		line("first listed", "never, to this guard")
	}
	at("last listed", key.LastSeen)
	at("withdrawn", key.LeftAt)
	at("accepted until", key.RetiresAt)
	at("out of service", key.RetiredAt)
	if key.Final {
		line("final", "yes: whatever the issuer lists")
	}
	line("reason", quoted(key.Reason))
	line("by", quoted(key.Actor))
	at("last used", key.LastUsed)
	if key.LastUsed == nil {
		line("last used", "never, by this guard's record")
	}
	at("latest token expiry", key.LatestTokenExpiry)
	line("uses", fmt.Sprintf("%d allowed, %d denied", key.Allowed, key.Denied))
	k.safety(line, key.SafeToRetire, now)
	text, command := k.advise(key, now)
	line("what to do", text)
	if command != "" { // whole, so that it can be copied
		b.WriteString(strings.Repeat(" ", keysLabelWidth) + oneLine(command) + "\n")
	}
	return b.String()
}

// algText is the key's alg, or what tokens may have in its place. RFC 8725, section
// 3.1 wants one for each key.
func algText(key admin.Key) string {
	names := make([]string, len(key.Algorithms))
	for i, alg := range key.Algorithms {
		names[i] = name(alg)
	}
	switch {
	case key.Algorithms == nil: // there is nothing to be said, or the guard does not say it
		return optional(key.Alg)
	case len(names) > 1:
		return "any of " + strings.Join(names, ", ") + ": the issuer's key names none"
	case len(names) == 1:
		return names[0] + ": the issuer's key names none, and this alone of its algorithms fits"
	case key.Alg != "":
		return name(key.Alg) + ", which is not among the issuer's algorithms: no token passes"
	}
	return "none: no algorithm of the issuer's fits the key, and no token passes"
}

// safety tells whether anybody would notice the end of the key, and why not.
func (k *keysRun) safety(line func(label, text string), s *admin.Safety, now time.Time) {
	if s == nil {
		return
	}
	switch {
	case s.OK:
		line("safe to retire", "yes, as far as this guard knows")
	case s.From != nil:
		line("safe to retire", "no; not before "+exactly(*s.From, now))
	default:
		line("safe to retire", "no")
	}
	for _, c := range s.Reasons {
		holds := "  no: "
		if c.OK {
			holds = " yes: "
		}
		line("", holds+c.Detail)
	}
}

// keysLabelWidth is where the facts begin.
const keysLabelWidth = 21

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("%+q", s)
}

func optional(s string) string {
	if s == "" {
		return ""
	}
	return name(s)
}
