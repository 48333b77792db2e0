package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// explanation is what explain says, and what --json prints: its field names do
// not change.
type explanation struct {
	Decision   string              `json:"decision"`
	Reason     verify.Reason       `json:"reason"`
	Detail     string              `json:"detail,omitempty"`
	At         time.Time           `json:"at"`
	Policy     string              `json:"policy"`
	Issuer     string              `json:"issuer,omitempty"`
	Kid        string              `json:"kid,omitempty"`
	Key        string              `json:"thumbprint,omitempty"`
	State      string              `json:"key_state,omitempty"`
	Fetch      string              `json:"fetch,omitempty"`           // how the fetch of the issuer's keys went
	Guard      string              `json:"guard,omitempty"`           // what a running guard knows about the key
	GuardState string              `json:"guard_key_state,omitempty"` // the key's state there
	Fetched    verify.Reason       `json:"fetched_reason,omitempty"`  // what the fetch alone gives, where the running guard knows better
	Undecided  bool                `json:"undecided,omitempty"`       // the running guard judges by a key that is not to be had here, or does not answer and may know better
	Steps      []verify.StepReport `json:"steps"`
	Advice     string              `json:"advice,omitempty"`

	because string // a token that passes every step is undecided
}

// newExplanation is what the steps alone give.
func newExplanation(d verify.Decision, steps []verify.StepReport) *explanation {
	e := &explanation{
		Decision: d.Verdict.String(), Reason: d.Reason, Detail: d.Detail, At: d.At.Wall, Policy: d.Policy.Name,
		Kid: d.Kid, State: d.State.String(), Steps: steps, Advice: advice[d.Reason],
	}
	if d.Issuer != nil {
		e.Issuer = d.Issuer.Name
	}
	if d.Key != nil {
		e.Key = d.Key.Thumbprint
	}
	switch d.Reason {
	case verify.OK:
		e.Detail = fmt.Sprintf("signed by the key %+q, which is %s; ", d.Kid, d.State)
		if left := relative(d.Expires, d.At.Wall); d.Expires.After(d.At.Wall) {
			e.Detail += fmt.Sprintf("expires at %s (%s)", d.Expires.Format(time.RFC3339), left)
		} else {
			e.Detail += fmt.Sprintf("expired at %s (%s), which clock_skew (%s) still allows", d.Expires.Format(time.RFC3339), left, config.Span(d.Issuer.ClockSkew))
		}
	case verify.TokenExpired, verify.TokenNotYetValid, verify.IssuedInFuture:
		e.Detail += fmt.Sprintf("; clock_skew allows %s", config.Span(d.Issuer.ClockSkew))
	}
	return e
}

// finalStates are what a guard refuses before it looks at the signature.
var finalStates = map[string]verify.Reason{
	"pending": verify.KeyPending, "retired": verify.KeyRetired, "revoked": verify.KeyRevoked,
}

// yield gives way to what the running guard knows, for that is what requests
// meet: it remembers when a key was first listed, when it left, and that it is
// out of service.
func (e *explanation) yield(d verify.Decision, view guardView, token string) {
	reason, final := finalStates[view.State]
	accepted, unfound := e.Reason == verify.OK, e.Reason == verify.KidUnknown || e.Reason == verify.KeysUnavailable
	switch {
	case final && reason != e.Reason:
		e.refuse(d.Policy, reason, "the running guard "+view.text)
	case final:
	case unfound && view.inGrace() && issuedLater(token, *view.GraceFrom, d.Issuer.ClockSkew):
		e.refuse(d.Policy, verify.IssuedAfterWithdrawal, fmt.Sprintf("the running guard has the key in grace since %s, and iat is later or missing; the signature and the other claims cannot be judged here, and may be the reason that it gives",
			view.GraceFrom.Format(time.RFC3339)))
	case unfound && view.State != "":
		e.Undecided, e.Advice = true, adviceUndecided
	case !accepted:
	case view.refuses != "":
		e.doubt(fmt.Sprintf("the guard that runs cannot use the issuer's keys, and answers %s", view.refuses), adviceOutdated)
	case view.several:
		e.doubt("the guard that runs has known several keys by this kid", adviceOther)
	case view.State != "" && view.Thumbprint != e.Key:
		e.doubt("the guard that runs has another key by this kid", adviceOther)
	case view.renamed:
		e.doubt("the guard that runs has the key by another kid", adviceOther)
	case view.State == keyset.Grace.String() && e.State != view.State:
		e.doubt("the guard that runs has the key in grace, and does not say since when", adviceUndecided)
	case view.silent:
		e.doubt("the guard may know better, and does not answer", adviceSilent)
	case view.unknown:
		e.Advice = adviceTooNew
	}
}

// refuse is for a reason that the running guard has and the steps do not show.
func (e *explanation) refuse(p *verify.Policy, reason verify.Reason, detail string) {
	d := verify.Refuse(p, reason, detail)
	e.Fetched, e.Decision, e.Reason, e.Detail, e.Advice = e.Reason, d.Verdict.String(), reason, d.Detail, advice[reason]
}

// doubt is for a token that passes every step, where the running guard may refuse it.
func (e *explanation) doubt(because, advice string) {
	e.Undecided, e.because, e.Advice = true, because, advice
}

// writeJSON is the explanation for machines. It is ASCII where it must be: a
// terminal may be at the other end all the same.
func (e *explanation) writeJSON(w io.Writer) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(e); err != nil {
		return err
	}
	_, err := io.WriteString(w, escape(b.String()))
	return err
}

// marks make the outcome visible without colour.
var marks = map[verify.Outcome]string{verify.Passed: "ok", verify.Stopped: "STOP", verify.NotReached: "-"}

// The columns of the text.
const (
	labelWidth = 15
	noteColumn = 2 + 6 + 6 + 37
)

// writeText is the explanation for a person: the answer first, then how it came
// about, then what to do.
func (e *explanation) writeText(w io.Writer) error {
	var b strings.Builder
	b.WriteString(e.headline() + "\n")
	if e.Detail != "" {
		wrap(&b, 0, e.Detail)
	}
	fmt.Fprintf(&b, "\npolicy %s", e.Policy)
	if e.Issuer != "" {
		fmt.Fprintf(&b, ", issuer %s", e.Issuer)
	}
	fmt.Fprintf(&b, ", judged at %s\n", e.At.UTC().Format(time.RFC3339))
	switch {
	case e.Fetched != "" && e.State == e.GuardState:
		fmt.Fprintf(&b, "the state of the key is the running guard's; for one that starts now it would be: %s\n", e.Fetched)
	case e.Fetched != "":
		fmt.Fprintf(&b, "the steps are by the keys that the issuer lists now, which alone would give: %s\n", e.Fetched)
	}
	b.WriteByte('\n')
	for i, s := range e.Steps {
		number, name, note := s.Number, s.Name, s.Note
		rest := e.Steps[i:]
		if s.Outcome == verify.NotReached {
			note = "not reached"
			if len(rest) > 1 {
				number, name = s.Number+"-"+rest[len(rest)-1].Number, "all further steps"
			}
		}
		fmt.Fprintf(&b, "  %-6s%-6s%-37s", marks[s.Outcome], number, name)
		wrap(&b, noteColumn, note)
		if s.Outcome == verify.NotReached {
			break
		}
	}
	b.WriteByte('\n')
	key := ""
	if e.State != "" {
		key = fmt.Sprintf("kid %+q, thumbprint %s, %s", e.Kid, e.Key, e.State)
	}
	for _, line := range [...]struct{ label, text string }{
		{"key", key}, {"issuer's JWKS", e.Fetch}, {"running guard", e.Guard}, {"what to do", e.Advice},
	} {
		if line.text != "" {
			fmt.Fprintf(&b, "%-*s", labelWidth, line.label)
			wrap(&b, labelWidth, line.text)
		}
	}
	_, err := io.WriteString(w, escape(b.String()))
	return err
}

func (e *explanation) headline() string {
	switch {
	case e.Undecided && e.Reason == verify.OK:
		return "NOT DECIDED: ok by what the issuer lists now; " + e.because
	case e.Undecided:
		return fmt.Sprintf("NOT DECIDED: %s for a guard that starts now; the one that runs still has the key (%s)", e.Reason, e.GuardState)
	case e.Decision == verify.Allow.String():
		return "ACCEPTED: " + string(e.Reason)
	case e.Decision == verify.ShadowDeny.String():
		return fmt.Sprintf("WOULD BE REFUSED: %s (the policy is in shadow mode and lets the request pass)", e.Reason)
	}
	return "REFUSED: " + string(e.Reason)
}

// relative is how far t lies from now, for people.
func relative(t, now time.Time) string {
	switch d := t.Sub(now).Round(time.Second); {
	case d < 0:
		return config.Span(-d) + " ago"
	case d > 0:
		return "in " + config.Span(d)
	}
	return "now"
}
