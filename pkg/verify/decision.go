package verify

import (
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Instant is one reading of the clocks; see [keyset.Instant].
type Instant = keyset.Instant

// Verdict is what happens to the request.
type Verdict uint8

// The verdicts. The zero Verdict is none of them, and whoever meets it denies.
const (
	Allow      Verdict = iota + 1
	Deny               // an enforcing policy refuses
	ShadowDeny         // a policy in shadow mode would have refused; the request passes
)

// String is the word for metrics, logs and metadata.
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case ShadowDeny:
		return "shadow_deny"
	}
	return "deny"
}

// Refresh is what a fetch of the issuer's keys could do about a decision.
type Refresh uint8

// What a refresh could do.
const (
	NoRefresh    Refresh = iota
	AskRefresh           // ask for one and go on: the answer stands
	AwaitRefresh         // ask for one, wait a little, and decide again
)

// CacheUse is the part that the token cache had in a decision.
type CacheUse uint8

// The uses of the cache.
const (
	NoCache   CacheUse = iota // there is none, or it was not asked
	CacheMiss                 // every step was taken
	CacheHit                  // what was found when the token was first seen still held
)

// HeaderValue is a header for the upstream.
type HeaderValue struct {
	Name  string // lower case
	Value string
}

// Decision is the one record of what was decided about a request, and why.
// Answers, metrics, spans, logs and evidence are all made from it.
type Decision struct {
	Verdict Verdict
	Reason  Reason
	Policy  *Policy // nil only for policy_unknown and for failures before a policy was chosen
	Asked   string  // of policy_unknown alone: the name that listener or route gave, printable, for the log
	At      Instant // the one reading of the clocks; zero if no token was judged

	Issuer *Issuer      // nil unless the token names one of the policy's
	Key    *keyset.Key  // nil unless the token names a key in that issuer's set
	Kid    string       // the name by which it did; empty without Key
	Alg    string       // the token's alg; empty without Key
	State  keyset.State // Key's state at the instant of the decision; zero without Key

	Signature keyset.Signature // of key_retired and key_revoked alone
	Refresh   Refresh
	Headers   []HeaderValue // claim and payload headers, only of a token that was accepted; good until the room is used again that [Verifier.DecideBytes] was given
	Cache     CacheUse

	Expires time.Time // exp of an accepted token
	Issued  time.Time // iat of an accepted token; zero if it has none

	// Detail says in one sentence what was wrong, for the operator alone: it may
	// name claims, kids and numbers of the token, and so it must reach neither
	// client nor log nor metric. The explain command prints it.
	Detail string
}

// OK tells whether a token was accepted: the only decision that carries headers
// for the upstream and moves a key's usage.
func (d *Decision) OK() bool { return d.Reason == OK }
