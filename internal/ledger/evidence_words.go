package ledger

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// String tells the attempts by what is known of their signatures.
func (a Attempts) String() string {
	return fmt.Sprintf("%d with a valid signature, %d with an invalid one, %d not checked", a.Valid, a.Invalid, a.Unchecked)
}

// how tells who put the key out of service and why.
func (e *Ended) how() string {
	how := "by the rules of the lifecycle"
	if e.Action != "" {
		how = "by an order to " + e.Action
		if e.Actor != "" {
			how += " of " + safe(e.Actor)
		}
	}
	if e.Reason != "" {
		how += ": " + safe(e.Reason)
	}
	if !e.Final {
		how += " (not final: the issuer may still bring it back)"
	}
	if e.Accepted {
		how += ". **A token was accepted after that**"
	}
	return how
}

// words tell the measured window.
func (w *Window) words() string {
	if w == nil {
		return ""
	}
	from := map[string]string{
		"withdrawn": "the first observation that lacked it", "retire": "the order to retire it", "revoke": "its revocation",
	}[w.Cause]
	text := fmt.Sprintf("no acceptance after %s at %s", from, stamp(w.Since))
	if !w.Last.IsZero() {
		text = fmt.Sprintf("%s from %s at %s to the last acceptance", seconds(w.Seconds), from, stamp(w.Since))
	}
	if w.Open {
		text += "; tokens were still accepted at the end of the period"
	}
	return text
}

// words tell what was promised of a withdrawal with that cause.
func (p *Promise) words(cause string) string {
	switch {
	case cause == "revoke":
		return "none: refused at once, by each guard that has the order"
	case cause == "retire":
		return "the grace of the order"
	case p == nil:
		return "not known: the issuer is not in the configuration any more"
	}
	text := fmt.Sprintf("at most %s from that observation, %s from the withdrawal itself", seconds(p.Seen), seconds(p.Healthy))
	if p.Outage != nil {
		text += fmt.Sprintf(", %s during an outage of the JWKS", seconds(*p.Outage))
	}
	return text + " (as configured at the export)"
}

// Words tell what the gap is, for people.
func (g Gap) Words() string {
	switch g.Kind {
	case GapDown:
		if g.Killed {
			return "the guard was down after it was killed: counts of up to 5 minutes before are not in the record"
		}
		return "the guard was down, or on its way: nothing was counted"
	case GapFailing:
		return fmt.Sprintf("the ledger could not be written (%d attempts failed); %d events were left out; records and counts are exact", g.Errors, g.Events)
	case GapTorn:
		return fmt.Sprintf("an incomplete last line of %d bytes was cut off: it was never acknowledged", g.Bytes)
	case GapLoss:
		return "damage was accepted, and a new chain begun with what could be read: " + g.Damage
	case GapMissing:
		return fmt.Sprintf("%d lines were in files that were not there for the export", g.Lines)
	case GapNone:
		return "nothing is on record"
	case GapClock:
		return "wall clock and monotonic clock drifted apart by " + g.Drift
	}
	return g.Kind
}

// stamp is a time for people; empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
}

func byThen(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("at %s, or up to %d minutes before", stamp(t), int(usageEvery.Minutes()))
}

func seconds(s float64) string {
	return (time.Duration(s * float64(time.Second)).Round(time.Millisecond)).String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// safe is foreign text in Markdown, in ASCII and without any mark of it.
func safe(s string) string {
	var b []byte
	for _, c := range s {
		switch {
		case c < ' ' || c >= 0x7f:
			b = appendEscape(append(b, '\\'), c)
		case strings.ContainsRune("\\`*_{}[]<>()#+!|~&$", c):
			b = append(b, '\\', byte(c))
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return string(b)
}

// quoted is foreign text that is to be read to the letter.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f || c == '`' || c == '|' }) {
		return "\"" + safe(s) + "\""
	}
	return "`" + s + "`"
}
