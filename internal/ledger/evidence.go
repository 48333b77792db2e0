package ledger

import (
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// evidenceFormat is the version of what an export says. A reader refuses a newer
// one.
const evidenceFormat = 1

// about stands in every export, for whoever finds it without its documentation.
const about = "Times are lifecycle time, which never steps. Figures cover the period. " +
	"Usage is written every 5 minutes, and so the borders of the period are that sharp. " +
	"The last member, hash, is the SHA-256 of all bytes before it."

// inFlight is by how much the time of an acceptance may exceed the end of a key's
// service without being after it: a decision that was under way took the key set
// before the order, and may have read the clock after it.
const inFlight = time.Second

// Evidence is what the ledger of one guard tells of a period. Every figure follows
// from the lines that are exported with it, but for About and Promises. Times are
// lifecycle times.
type Evidence struct {
	Format   int       `json:"format"`
	Guard    string    `json:"guard"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Head     string    `json:"head"` // hash of the last line
	HeadSeq  uint64    `json:"head_seq"`
	FirstSeq uint64    `json:"first_seq"`
	Lines    int       `json:"lines"`
	About    string    `json:"about"`
	Promises []Promise `json:"promises"`
	Keys     []Account `json:"keys"` // by iss, then in the order in which they came
	Gaps     []Gap     `json:"gaps"` // in the order of the lines that tell them
}

// Promise is what the configuration promised of an issuer when the export was
// made, in seconds. The ledger cannot tell whether that was so.
type Promise struct {
	Issuer       string   `json:"issuer"`
	Iss          string   `json:"iss"`
	Confirmation float64  `json:"confirmation_seconds"`              // C: until an absence is confirmed
	Seen         float64  `json:"withdrawal_seen_seconds"`           // from the first observation without the key to the last acceptance
	Healthy      float64  `json:"withdrawn_healthy_seconds"`         // D: from the issuer's withdrawal
	Outage       *float64 `json:"withdrawn_outage_seconds,omitzero"` // D_out: the same while the JWKS cannot be fetched
}

// Account is what is told of one key.
type Account struct {
	Issuer     string   `json:"issuer"`
	Iss        string   `json:"iss"`
	Kid        string   `json:"kid"`
	Kids       []string `json:"kids,omitzero"` // if there is more than one
	Thumbprint string   `json:"thumbprint"`
	Alg        string   `json:"alg"`               // of the JWK; empty: any of the issuer's that fits
	Material   string   `json:"material,omitzero"` // such as RSA 2048

	StateAtStart string `json:"state_at_start,omitzero"` // empty: not known then
	State        string `json:"state,omitzero"`          // at the end of the period, or of the record if that is sooner
	NIST         string `json:"nist_state,omitzero"`
	Forgotten    bool   `json:"forgotten,omitzero"` // the record was gone by then

	FirstSeen  time.Time `json:"first_seen,omitzero"`  // the first observation that listed it: published by the issuer
	LeftAt     time.Time `json:"left_at,omitzero"`     // the first observation that lacked it: withdrawn by the issuer
	GraceUntil time.Time `json:"grace_until,omitzero"` // last deadline for its tokens
	Ended      *Ended    `json:"out_of_service,omitzero"`
	Window     *Window   `json:"trust_window,omitzero"`

	History   []Passage  `json:"history"`
	Orders    []Ordered  `json:"orders,omitzero"`
	Anomalies []Abnormal `json:"anomalies,omitzero"`

	Allowed  uint64   `json:"allowed"`
	Denied   uint64   `json:"denied"`
	Before   Split    `json:"before_retirement"`
	After    Split    `json:"after_retirement"`
	Attempts Attempts `json:"attempts_after_retirement"`

	FirstUsedBy      time.Time `json:"first_used_by,omitzero"`       // in the period: it was used first then, or up to 5 minutes before
	LastUsed         time.Time `json:"last_used,omitzero"`           // in the period
	LatestAcceptance time.Time `json:"latest_acceptance,omitzero"`   // ever, as far as the record goes
	LatestExpiry     time.Time `json:"latest_token_expiry,omitzero"` // of the tokens accepted ever
}

// Passage is a change of state.
type Passage struct {
	State  string    `json:"state"`
	At     time.Time `json:"at"`
	Wall   time.Time `json:"wall,omitzero"` // by the wall clock, if that was another second
	Actor  string    `json:"actor"`         // empty: a rule of the lifecycle
	Reason string    `json:"reason"`
	Seq    uint64    `json:"seq"` // of the line that tells it
}

// Ordered is an order that was carried out.
type Ordered struct {
	Action string    `json:"action"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	Forced bool      `json:"forced,omitzero"`
	Seq    uint64    `json:"seq"`
}

// Abnormal is an anomaly that concerned the key.
type Abnormal struct {
	Anomaly string    `json:"anomaly"`
	Kid     string    `json:"kid"`
	At      time.Time `json:"at"`
	Seq     uint64    `json:"seq"`
}

// Ended says since when tokens of the key are refused.
type Ended struct {
	Since    time.Time `json:"since"`
	Action   string    `json:"action,omitzero"` // empty: a rule of the lifecycle
	Actor    string    `json:"actor"`
	Reason   string    `json:"reason"`
	Final    bool      `json:"final"`
	Accepted bool      `json:"accepted_since"` // a token was accepted after it
}

// Window is the trust window as it was measured: from the withdrawal, by the issuer
// or by an order, to the last acceptance on record.
type Window struct {
	Cause   string    `json:"cause"` // withdrawn, retire or revoke
	Since   time.Time `json:"since"`
	Last    time.Time `json:"last_acceptance,omitzero"` // absent: none since then
	Seconds float64   `json:"seconds"`
	Open    bool      `json:"open,omitzero"` // tokens were still accepted at the end
}

// Split is a part of the figures of the period. A count of 5 minutes belongs where
// its last use does.
type Split struct {
	Allowed uint64 `json:"allowed"`
	Denied  uint64 `json:"denied"`
}

// Attempts are tokens that named the key after it was put out of service, by what
// is known of their signatures.
type Attempts struct {
	Valid     uint64 `json:"valid"`
	Invalid   uint64 `json:"invalid"`
	Unchecked uint64 `json:"unchecked"`
}

// Sum is how many there were.
func (a Attempts) Sum() uint64 { return a.Valid + a.Invalid + a.Unchecked }

func (a *Attempts) add(t keyset.Tally) {
	a.Valid += t.Attempts[keyset.Valid]
	a.Invalid += t.Attempts[keyset.Invalid]
	a.Unchecked += t.Attempts[keyset.Unchecked]
}

// The kinds of gaps.
const (
	GapDown     = "guard_down"     // nothing was decided on record; with killed, counts of up to 5 minutes before are lost
	GapFailing  = "ledger_failing" // nothing could be written; counts are exact, events may be left out. Times are the wall clock's
	GapTorn     = "torn_tail"      // an incomplete line was cut off
	GapLoss     = "state_loss"     // damage was accepted, and a new chain begun
	GapMissing  = "lines_missing"  // of files that were not there for the export
	GapNone     = "no_record"      // the period begins before the record, or ends after it
	GapClock    = "clock_step"     // wall clock and monotonic clock drifted apart
	wordStepped = string(keyset.ClockStep)
)

// Gap is something that the record cannot speak of, or where it was at risk.
type Gap struct {
	Kind   string    `json:"kind"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Seq    uint64    `json:"seq,omitzero"` // of the line that tells it
	Killed bool      `json:"killed,omitzero"`
	Errors uint64    `json:"errors,omitzero"`
	Events uint64    `json:"events_left_out,omitzero"`
	Bytes  uint64    `json:"bytes,omitzero"`
	Lines  uint64    `json:"lines,omitzero"`
	Damage string    `json:"damage,omitzero"`
	Aside  string    `json:"aside,omitzero"` // the file that was damaged
	Drift  string    `json:"drift,omitzero"`
}
