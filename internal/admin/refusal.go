package admin

import (
	"net/http"
	"sync"

	"golang.org/x/time/rate"
)

// refusalsPerSecond bounds what refused attempts may write into log and ledger:
// whoever reaches the port can make them by the thousand.
const refusalsPerSecond = 5

// maxRecordedPath keeps a line of the log short; a path with a kid of usual length
// fits in.
const maxRecordedPath = 256

// Refusal is a change that was not made, or something that a foreign page was not
// shown. Only so many a second are told; see Omitted.
type Refusal struct {
	From    string // address of the peer, or "uid:" and the user of the unix socket
	Method  string
	Path    string // escaped, cut to 256 bytes
	Status  int
	Reason  Reason
	Detail  string // for the operator; may tell more than the answer did
	Omitted int    // refusals before this one that were left out
}

// Reason is why something was refused. The set is closed.
type Reason string

// The reasons.
const (
	ForeignHost   Reason = "host"          // the Host header is not ours: DNS rebinding
	ForeignOrigin Reason = "origin"        // a page of another site asks
	NoToken       Reason = "token_missing" // over TCP, without a bearer token
	WrongToken    Reason = "token_wrong"
	TooManyTokens Reason = "token_guessing" // not compared: there were too many wrong ones
	BadTokenFile  Reason = "token_file"     // there is none, or it cannot be used
	BadRequest    Reason = "request"        // path, body or its headers
	Busy          Reason = "busy"
	Stopping      Reason = "stopping"
	UnknownIssuer Reason = "issuer_unknown"
	UnknownKey    Reason = "key_unknown"
	AmbiguousKey  Reason = "key_ambiguous" // the kid names several
	MismatchedKey Reason = "key_mismatch"  // kid and thumbprint name different ones
	LastKey       Reason = "last_key"
	KeyInUse      Reason = "key_in_use"
	KeyRevoked    Reason = "key_revoked"
	KeyInService  Reason = "key_in_service"
	KeyPinned     Reason = "key_pinned" // by the configuration
	RecordsFull   Reason = "records_full"
	NotCarriedOut Reason = "not_carried_out" // by no fault of the request
)

// refusals passes refusals on, at a bounded rate.
type refusals struct {
	record  func(Refusal)
	passing *rate.Limiter

	mu      sync.Mutex
	omitted int // by mu
}

func (s *refusals) tell(r Refusal) {
	s.mu.Lock()
	if !s.passing.Allow() {
		s.omitted++
		s.mu.Unlock()
		return
	}
	r.Omitted, s.omitted = s.omitted, 0
	s.mu.Unlock()
	s.record(r)
}

// refuse answers with a problem, and has it recorded.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, p *problem) {
	refusal := Refusal{From: asker(r), Method: r.Method, Path: r.URL.EscapedPath(), Status: p.Status, Reason: p.reason, Detail: p.Detail}
	if p.told != "" {
		refusal.Detail = p.told
	}
	if len(refusal.Path) > maxRecordedPath {
		refusal.Path = refusal.Path[:maxRecordedPath]
	}
	a.refusals.tell(refusal)
	p.write(w)
}
