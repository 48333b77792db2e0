package authz

import (
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// kind is how refusals look from outside. It is coarser than the reason: a client
// must not learn, say, whether a key is retired or was never known.
type kind uint8

const (
	broken   kind = iota // the guard's own trouble; the kind of every reason not named below
	keysAway             // as far as we can tell, the token may be good
	noCredential
	tooMany
	badToken
	scopeMissing // the token is good, but not for this; so is that of the next
	claimMissing
	noPolicy // no credential helps
	kinds
)

func kindOf(r verify.Reason) kind {
	switch r {
	case verify.TokenMissing:
		return noCredential
	case verify.MultipleCredentials:
		return tooMany
	case verify.TokenTooLarge, verify.TokenMalformed, verify.HeaderForbidden,
		verify.ClaimMissing, verify.ClaimInvalid, verify.IssuerUnknown, verify.AlgNotAllowed, verify.TypNotAllowed,
		verify.KidMissing, verify.KidUnknown, verify.KeyPending, verify.KeyRetired, verify.KeyRevoked,
		verify.AlgMismatch, verify.SignatureInvalid,
		verify.TokenExpired, verify.TokenNotYetValid, verify.IssuedInFuture, verify.LifetimeTooLong,
		verify.AudienceMismatch, verify.IssuedAfterWithdrawal, verify.PopRequired:
		return badToken
	case verify.ScopeInsufficient:
		return scopeMissing
	case verify.ClaimMismatch:
		return claimMissing
	case verify.PolicyUnknown:
		return noPolicy
	case verify.KeysUnavailable, verify.KeysStale:
		return keysAway
	}
	return broken
}

// face is what a kind shows to the client, whatever the policy. RFC 6750,
// section 3.1, has the statuses and the errors, and has no error for a request
// without a credential.
type face struct {
	code        codes.Code
	status      int32 // of HTTP
	challenge   bool
	oauth       string // error in the challenge
	description string
	body        string // error in the body, where the challenge has none
	retry       string // seconds
}

const insufficient = "The request requires higher privileges than provided by the access token"

var faces = [kinds]face{
	// Such an error is over soon, or for good.
	broken: {code: codes.Unavailable, status: http.StatusServiceUnavailable, body: "temporarily_unavailable", retry: "1"},
	// Keys of one issuer are fetched every 10 s at most.
	keysAway:     {code: codes.Unavailable, status: http.StatusServiceUnavailable, body: "temporarily_unavailable", retry: "10"},
	noCredential: {code: codes.Unauthenticated, status: http.StatusUnauthorized, challenge: true, body: "unauthorized"},
	tooMany: {code: codes.InvalidArgument, status: http.StatusBadRequest, challenge: true,
		oauth: "invalid_request", description: "The request carries more than one credential"},
	badToken: {code: codes.Unauthenticated, status: http.StatusUnauthorized, challenge: true,
		oauth: "invalid_token", description: "The access token is expired, revoked, malformed, or invalid for other reasons"},
	scopeMissing: {code: codes.PermissionDenied, status: http.StatusForbidden, challenge: true,
		oauth: "insufficient_scope", description: insufficient},
	claimMissing: {code: codes.PermissionDenied, status: http.StatusForbidden, challenge: true,
		oauth: "insufficient_scope", description: insufficient},
	noPolicy: {code: codes.PermissionDenied, status: http.StatusForbidden, body: "forbidden"},
}

// denials are the refusals of one policy, of each kind one: the fields status and
// denied_response, encoded, and shared by all answers.
type denials [kinds][]byte

// bareDenials are for refusals before a policy was chosen.
var bareDenials = newDenials(&verify.Policy{})

func newDenials(p *verify.Policy) *denials {
	var all denials
	for k := range kinds {
		f := faces[k]
		denied := appendBytes(nil, deniedStatus, appendInt(nil, httpStatusCode, f.status))
		if f.challenge {
			denied = overwrite{"www-authenticate", f.challengeOf(p, k == scopeMissing)}.append(denied, deniedHeaders)
		}
		if f.retry != "" {
			denied = overwrite{"retry-after", f.retry}.append(denied, deniedHeaders)
		}
		denied = overwrite{"content-type", "application/json"}.append(denied, deniedHeaders)
		denied = appendString(denied, deniedBody, `{"error":"`+f.oauth+f.body+`"}`)
		all[k] = appendBytes(nil, responseStatus, appendInt(nil, statusCode, int32(f.code)))
		all[k] = appendBytes(all[k], responseDenied, denied)
	}
	return &all
}

// challengeOf is the value of www-authenticate: RFC 6750, section 3, and RFC 9728,
// section 5.1. The realm is always there, since Bearer needs at least one
// parameter.
func (f face) challengeOf(p *verify.Policy, scope bool) string {
	c := "Bearer realm=" + quote(p.Realm)
	if f.oauth != "" {
		c += ", error=" + quote(f.oauth) + ", error_description=" + quote(f.description)
	}
	if scope && len(p.RequiredScopes) > 0 {
		c += ", scope=" + quote(strings.Join(p.RequiredScopes, " "))
	}
	if p.ResourceMetadata != "" {
		c += ", resource_metadata=" + quote(p.ResourceMetadata)
	}
	return c
}
