package ledger

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// markdownTitle is how the Markdown begins.
const markdownTitle = "# Evidence of the use of signing keys"

// WriteMarkdown writes the evidence for people, without the lines that prove it.
func (e *Evidence) WriteMarkdown(w io.Writer) error {
	m := &markdown{w: w}
	m.line("%s: guard %s", markdownTitle, quoted(e.Guard))
	m.line("")
	m.summary(e)
	for i := range e.Keys {
		m.account(&e.Keys[i], e.promise(e.Keys[i].Iss))
	}
	m.gaps(e.Gaps)
	m.proof(e)
	return m.flush()
}

// promise is what the configuration promised of an issuer; nil: it is not in it.
func (e *Evidence) promise(iss string) *Promise {
	for i := range e.Promises {
		if e.Promises[i].Iss == iss {
			return &e.Promises[i]
		}
	}
	return nil
}

// markdown is a document in the making.
type markdown struct {
	w   io.Writer
	b   []byte
	err error
}

func (m *markdown) line(format string, args ...any) {
	m.b = append(fmt.Appendf(m.b, format, args...), '\n')
	if len(m.b) >= flushAt {
		m.err = m.flush()
	}
}

func (m *markdown) flush() error {
	if m.err == nil {
		_, m.err = m.w.Write(m.b)
	}
	m.b = m.b[:0]
	return m.err
}

func (m *markdown) summary(e *Evidence) {
	var allowed, denied uint64
	var attempts Attempts
	states := map[string]int{}
	for _, k := range e.Keys {
		allowed, denied = allowed+k.Allowed, denied+k.Denied
		attempts.Valid += k.Attempts.Valid
		attempts.Invalid += k.Attempts.Invalid
		attempts.Unchecked += k.Attempts.Unchecked
		states[k.State]++
	}
	m.line("| | |")
	m.line("|---|---|")
	m.line("| period | %s to %s |", stamp(e.From), stamp(e.To))
	m.line("| keys | %d: %d pending, %d active, %d in grace, %d retired, %d revoked |", len(e.Keys),
		states["pending"], states["active"], states["grace"], states["retired"], states["revoked"])
	m.line("| tokens accepted | %d |", allowed)
	m.line("| tokens refused that named a key | %d |", denied)
	m.line("| attempts with keys out of service | %d: %s |", attempts.Sum(), attempts)
	m.line("| gaps in the record | %d |", len(e.Gaps))
	m.line("| lines | %d, from seq %d to %d |", e.Lines, e.FirstSeq, e.HeadSeq)
	m.line("| head | `%s` |", e.Head)
	m.line("")
	m.line("Times are lifecycle time in UTC, which follows the wall clock of the guard's start and never steps. Figures cover the period.")
	m.line("Usage is written every %d minutes: the borders of the period, and of a retirement, are that sharp.", int(usageEvery.Minutes()))
	m.line("")
	m.line("## Keys")
	m.line("")
	if len(e.Keys) == 0 {
		m.line("None.")
		m.line("")
		return
	}
	m.line("| issuer | kid | state | NIST SP 800-57 | since | accepted | refused | latest acceptance | attempts after retirement |")
	m.line("|---|---|---|---|---|---|---|---|---|")
	for _, k := range e.Keys {
		since := ""
		if k.Ended != nil {
			since = stamp(k.Ended.Since)
		}
		m.line("| %s | %s | %s | %s | %s | %d | %d | %s | %d |", safe(k.Issuer), quoted(k.Kid), k.stateWord(), k.NIST,
			orDash(since), k.Allowed, k.Denied, orDash(stamp(k.LatestAcceptance)), k.Attempts.Sum())
	}
	m.line("")
}

func (a *Account) stateWord() string {
	if a.Forgotten {
		return "forgotten"
	}
	return a.State
}

// account is the section of one key.
func (m *markdown) account(a *Account, p *Promise) {
	m.line("## Key %s of %s", quoted(a.Kid), safe(a.Issuer))
	m.line("")
	row := func(what, value string) {
		if value != "" {
			m.line("| %s | %s |", what, value)
		}
	}
	m.line("| | |")
	m.line("|---|---|")
	row("issuer", quoted(a.Iss))
	if a.Thumbprint != "" {
		row("thumbprint (RFC 7638)", quoted(a.Thumbprint))
	}
	if len(a.Kids) > 0 {
		all := make([]string, len(a.Kids))
		for i, kid := range a.Kids {
			all[i] = quoted(kid)
		}
		row("all its kids", strings.Join(all, ", "))
	}
	row("algorithm", safe(a.Alg))
	row("material", safe(a.Material))
	row("published by the issuer, first seen", stamp(a.FirstSeen))
	row("withdrawn by the issuer, first missed", stamp(a.LeftAt))
	row("its tokens accepted until", stamp(a.GraceUntil))
	if e := a.Ended; e != nil {
		row("out of service since", stamp(e.Since)+", "+e.how())
	}
	row("accepted in the period", fmt.Sprint(a.Allowed))
	row("refused in the period", fmt.Sprint(a.Denied))
	if a.Ended != nil || a.After != (Split{}) {
		row("before retirement", fmt.Sprintf("%d accepted, %d refused", a.Before.Allowed, a.Before.Denied))
		row("after retirement", fmt.Sprintf("%d accepted, %d refused", a.After.Allowed, a.After.Denied))
		row("attempts after retirement", a.Attempts.String())
	}
	row("first used in the period", byThen(a.FirstUsedBy))
	row("last used in the period", stamp(a.LastUsed))
	row("latest acceptance ever", stamp(a.LatestAcceptance))
	row("latest expiry of a token accepted", stamp(a.LatestExpiry))
	row("trust window, measured", a.Window.words())
	if a.Window != nil {
		row("trust window, promised", p.words(a.Window.Cause))
	}
	m.line("")
	m.timeline(a)
}

// timeline is what happened to the key, in the order of the lines.
func (m *markdown) timeline(a *Account) {
	type entry struct {
		seq           uint64
		at            time.Time
		what, by, why string
	}
	var all []entry
	for h, o, n := a.History, a.Orders, a.Anomalies; len(h)+len(o)+len(n) > 0; {
		switch {
		case len(o) > 0 && (len(h) == 0 || o[0].Seq < h[0].Seq) && (len(n) == 0 || o[0].Seq < n[0].Seq):
			what := "ordered: " + o[0].Action
			if o[0].Forced {
				what += ", forced"
			}
			all = append(all, entry{o[0].Seq, o[0].At, what, o[0].Actor, o[0].Reason})
			o = o[1:]
		case len(n) > 0 && (len(h) == 0 || n[0].Seq < h[0].Seq):
			all = append(all, entry{n[0].Seq, n[0].At, "anomaly: " + n[0].Anomaly, "", ""})
			n = n[1:]
		default:
			all = append(all, entry{h[0].Seq, h[0].At, "state: " + h[0].State, h[0].Actor, h[0].Reason})
			h = h[1:]
		}
	}
	if a.StateAtStart != "" {
		m.line("The period began with it %s.", a.StateAtStart)
	}
	if len(all) == 0 {
		m.line("Nothing happened to it in the period.")
		m.line("")
		return
	}
	if a.StateAtStart != "" {
		m.line("")
	}
	m.line("| time | what | by | reason | line |")
	m.line("|---|---|---|---|---|")
	for _, t := range all {
		by := safe(t.by)
		if by == "" {
			by = "rule"
		}
		m.line("| %s | %s | %s | %s | %d |", stamp(t.at), safe(t.what), by, orDash(safe(t.why)), t.seq)
	}
	m.line("")
}

// gaps is the section of what the record cannot speak of.
func (m *markdown) gaps(gaps []Gap) {
	m.line("## Gaps")
	m.line("")
	if len(gaps) == 0 {
		m.line("None: the record of the period is unbroken.")
		m.line("")
		return
	}
	m.line("| since | until | what | line |")
	m.line("|---|---|---|---|")
	for _, g := range gaps {
		seq := "-"
		if g.Seq > 0 {
			seq = strconv.FormatUint(g.Seq, 10)
		}
		m.line("| %s | %s | %s | %s |", orDash(stamp(g.Since)), stamp(g.Until), safe(g.Words()), seq)
	}
	m.line("")
}

// proof is what the evidence is worth.
func (m *markdown) proof(e *Evidence) {
	m.line("## What this proves, and what it does not")
	m.line("")
	m.line("- `jwtguard evidence verify` makes every figure above again from the lines in the JSON export of this period, and checks that no")
	m.line("  line was changed, removed, added or moved. This document is for reading: it cannot be verified by itself.")
	m.line("- A chain does not stop whoever rewrites the whole file. Compare the head, seq %d, `%s`,", e.HeadSeq, e.Head)
	m.line("  or a hash on the way to it, with a `ledger_head` log event that was kept off the guard's host (`verify --head HASH`).")
	m.line("- It speaks of this guard alone. That a key is out of service everywhere takes the exports of all guards (`verify --guards`).")
	m.line("- It speaks of tokens that this guard was asked about, and not of what happened in the gaps. Promised windows are those of the")
	m.line("  configuration when the export was made, and are not in the chain.")
}
