package verify

import (
	"fmt"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// judge is one judgement under way.
type judge struct {
	*binding
	now    Instant
	raw    string // the token; at a hit of the cache only if a header is made of it
	token  *jose.Token
	issuer *trust
	set    *keyset.Set // the issuer's, loaded once
	alg    string
	ref    keyset.Ref
	times  times
	values claimValues
	room   []HeaderValue // for the decision's headers
	d      Decision

	// genuine: these very bytes were verified before, by the material that ref has.
	genuine bool
}

// step is one check, or several that look at the same thing. It gives OK to go
// on, or the reason to stop.
type step struct {
	number string // in the contract, section 4; step 1, finding the credential, is not ours
	name   string
	run    func(*judge) Reason
	tell   func(*judge) string // what a step that passed found; for [Verifier.Explain]
}

// steps is the order in which a token is judged. Whatever says "before" in the
// contract is a line before another one here.
var steps = [...]step{
	{"2-4", "read the token", (*judge).read, (*judge).tellRead},
	{"5", "issuer", (*judge).chooseIssuer, (*judge).tellIssuer},
	{"6", "algorithm and type", (*judge).checkHeader, (*judge).tellHeader},
	{"7", "find the key", (*judge).findKey, (*judge).tellKey},
	{"8", "state of the key", (*judge).checkState, (*judge).tellState},
	{"9", "signature", (*judge).checkSignature, (*judge).tellSignature},
	{"10", "times and audience", (*judge).checkClaims, (*judge).tellClaims},
	{"11", "issued before the withdrawal", (*judge).checkGrace, (*judge).tellGrace},
	{"12", "proof of possession, scopes, claims", (*judge).checkPolicy, (*judge).tellPolicy},
}

func (j *judge) run() {
	for i := range steps {
		if r := steps[i].run(j); r != OK {
			j.d.conclude(r)
			return
		}
	}
	j.values = j.copyClaims()
	j.accept()
}

// accept completes the decision about a token that passed every step.
func (j *judge) accept() {
	j.d.Expires, j.d.Issued = j.times.expires(), j.times.issued()
	j.d.Headers = j.withPayload(j.values.headers(j.ClaimHeaders, j.room))
	j.d.conclude(OK)
}

// stop refuses, with a sentence for the operator.
func (j *judge) stop(r Reason, format string, args ...any) Reason {
	j.d.Detail = fmt.Sprintf(format, args...)
	return r
}
