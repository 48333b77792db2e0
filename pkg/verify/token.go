package verify

import (
	"errors"
	"slices"

	"github.com/jwtguard/jwtguard/internal/jose"
)

// read is steps 2 to 4.
func (j *judge) read() Reason {
	token, err := jose.Read(j.raw)
	if err == nil {
		j.token = token
		return OK
	}
	j.d.Detail = err.Error()
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		return TokenTooLarge
	case errors.Is(err, jose.ErrForbiddenHeader):
		return HeaderForbidden
	}
	return TokenMalformed
}

// chooseIssuer is step 5. The issuer comes before any key: a key found without
// it could belong to anybody (RFC 8725, section 3.8).
func (j *judge) chooseIssuer() Reason {
	v, ok := j.token.Claims.Get("iss")
	if !ok {
		return j.stop(ClaimMissing, "iss is missing")
	}
	iss, ok := v.String()
	if !ok {
		return j.stop(ClaimInvalid, "iss is not a string")
	}
	if j.issuer = j.issuers[iss]; j.issuer == nil {
		return j.stop(IssuerUnknown, "iss is %s, which is not an issuer of the policy", quote(iss))
	}
	j.d.Issuer = j.issuer.Issuer
	return OK
}

// neverTypes are kinds of JWT that are no access tokens, whatever an
// issuer's types say: a DPoP proof (RFC 9449, section 4.2), a logout token (OpenID
// Connect Back-Channel Logout 1.0, section 2.4), a security event (RFC 8417,
// section 2.3).
var neverTypes = []string{"dpop+jwt", "logout+jwt", "secevent+jwt"}

// checkHeader is step 6.
func (j *judge) checkHeader() Reason {
	alg, ok := j.token.Header.Get("alg")
	if !ok {
		return j.stop(AlgNotAllowed, "alg is missing")
	}
	s, ok := alg.String()
	if !ok {
		return j.stop(AlgNotAllowed, "alg is not a string")
	}
	// RFC 8725, section 3.1: only algorithms that were chosen beforehand, compared
	// exactly.
	i := slices.Index(j.issuer.Algorithms, s)
	if i < 0 {
		return j.stop(AlgNotAllowed, "alg is %s, the issuer's algorithms are %v", quote(s), j.issuer.Algorithms)
	}
	j.alg = j.issuer.Algorithms[i] // the token's own would keep all of its text in memory
	typ, ok := j.token.Header.Get("typ")
	if !ok {
		return OK
	}
	// RFC 8725, section 3.11.
	s, ok = typ.String()
	if !ok {
		return j.stop(TypNotAllowed, "typ is not a string")
	}
	s = normalType(s)
	if slices.Contains(neverTypes, s) {
		return j.stop(TypNotAllowed, "typ %s is not that of an access token", quote(s))
	}
	if !slices.Contains(j.issuer.types, s) {
		return j.stop(TypNotAllowed, "typ is %s, the issuer's types are %v", quote(s), j.issuer.Types)
	}
	return OK
}
