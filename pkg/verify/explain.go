package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Outcome is how far a judgement got with one step.
type Outcome string

// The outcomes.
const (
	Passed     Outcome = "passed"
	Stopped    Outcome = "stopped"     // the decision's reason arose here
	NotReached Outcome = "not reached" // an earlier step stopped
)

// StepReport tells what one step of a judgement found.
type StepReport struct {
	Number  string  `json:"step"` // in the contract, section 4
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Note    string  `json:"note,omitempty"` // for the operator; may name claims, never the signature
}

// Explain is [Verifier.Decide] with a report of each step. It takes each step, and
// leaves the token cache alone.
func (v *Verifier) Explain(p *Policy, token string, now Instant) (Decision, []StepReport) {
	j := begin(v.bound[p], token, now, nil)
	reports := make([]StepReport, 0, len(steps))
	stopped := false
	for _, s := range steps {
		report := StepReport{Number: s.number, Name: s.name, Outcome: NotReached}
		if !stopped {
			if r := s.run(j); r != OK {
				j.d.conclude(r)
				report.Outcome, report.Note, stopped = Stopped, j.d.Detail, true
			} else {
				report.Outcome, report.Note = Passed, s.tell(j)
			}
		}
		reports = append(reports, report)
	}
	if !stopped {
		j.values = j.copyClaims()
		j.accept()
	}
	return j.d, reports
}

func (j *judge) tellRead() string {
	return fmt.Sprintf("%d characters, a compact JWS with two JSON objects", len(j.raw))
}

func (j *judge) tellIssuer() string {
	return fmt.Sprintf("%s is the issuer %s", quote(j.issuer.ID), j.issuer.Name)
}

func (j *judge) tellHeader() string {
	v, ok := j.token.Header.Get("typ")
	if !ok {
		return fmt.Sprintf("alg %s, no typ", j.alg)
	}
	typ, _ := v.String()
	return fmt.Sprintf("alg %s, typ %s", j.alg, quote(typ))
}

func (j *judge) tellKey() string {
	thumbprint := j.ref.Thumbprint
	if thumbprint == "" {
		thumbprint = "unknown"
	}
	return fmt.Sprintf("kid %s is the key with thumbprint %s", quote(j.ref.Name), thumbprint)
}

func (j *judge) tellState() string {
	note := fmt.Sprintf("%s (NIST SP 800-57: %s)", j.d.State, j.d.State.NIST())
	if j.d.State == keyset.Grace {
		note += fmt.Sprintf(", withdrawn at %s", j.ref.GraceStart(j.now).UTC().Format(time.RFC3339))
		if until := j.ref.GraceUntil; !until.IsZero() {
			note += fmt.Sprintf(", accepted until %s", until.UTC().Format(time.RFC3339))
		}
	}
	return note
}

func (j *judge) tellSignature() string { return j.alg + " signature is valid" }

func (j *judge) tellClaims() string {
	now := j.now.Wall.Unix()
	parts := []string{fmt.Sprintf("exp %s (in %s)", when(j.times.exp), ago(j.times.exp-now))}
	if now >= j.times.exp {
		parts[0] = fmt.Sprintf("exp %s (%s ago, within clock_skew)", when(j.times.exp), ago(now-j.times.exp))
	}
	if j.times.hasIat {
		parts = append(parts, fmt.Sprintf("iat %s, lifetime %s", when(j.times.iat), ago(j.times.exp-j.times.iat)))
	}
	aud, _ := j.audience()
	return strings.Join(append(parts, "aud "+quoteAll(aud)), ", ")
}

func (j *judge) tellGrace() string {
	if j.d.State != keyset.Grace {
		return "the key is not in grace: does not apply"
	}
	start, how := j.withdrawal(), "before"
	if j.times.iat > start.Unix() {
		how = "within clock_skew of"
	}
	return fmt.Sprintf("iat %s is %s the withdrawal at %s", when(j.times.iat), how, start.Format(time.RFC3339))
}

func (j *judge) tellPolicy() string {
	if len(j.RequiredScopes)+len(j.claims) == 0 {
		return "no cnf; the policy requires no scopes or claims"
	}
	return fmt.Sprintf("no cnf; has the %d scopes and %d claims that the policy requires", len(j.RequiredScopes), len(j.claims))
}
