package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// times are a token's NumericDates (RFC 7519, section 2) in Unix seconds.
type times struct {
	exp, nbf, iat int64
	hasIat        bool
}

func (t times) expires() time.Time { return time.Unix(t.exp, 0).UTC() }

func (t times) issued() time.Time {
	if !t.hasIat {
		return time.Time{}
	}
	return time.Unix(t.iat, 0).UTC()
}

// checkClaims is step 10: first the form of exp, nbf, iat and aud, then what they
// say. Times are counted in whole seconds.
func (j *judge) checkClaims() Reason {
	var r Reason
	if j.times.exp, _, r = j.date("exp", true); r != OK {
		return r
	}
	if j.times.nbf, _, r = j.date("nbf", false); r != OK {
		return r
	}
	if j.times.iat, j.times.hasIat, r = j.date("iat", j.issuer.MaxLifetime > 0); r != OK {
		return r
	}
	aud, r := j.audience()
	if r != OK {
		return r
	}
	if r := j.checkTimes(); r != OK {
		return r
	}
	if j.issuer.audiences != nil && !slices.ContainsFunc(aud, func(a string) bool { return slices.Contains(j.issuer.audiences, a) }) {
		return j.stop(AudienceMismatch, "aud is %s, ours are %v", quoteAll(aud), j.issuer.audiences)
	}
	return OK
}

// checkTimes is the part of step 10 that the clock has a say in.
func (j *judge) checkTimes() Reason {
	now, skew := j.now.Wall.Unix(), seconds(j.issuer.ClockSkew)
	switch t := j.times; {
	case now >= t.exp+skew:
		return j.stop(TokenExpired, "exp is %s, %s ago", when(t.exp), ago(now-t.exp))
	case t.nbf > now+skew:
		return j.stop(TokenNotYetValid, "nbf is %s, in %s", when(t.nbf), ago(t.nbf-now))
	case t.iat > now+skew:
		return j.stop(IssuedInFuture, "iat is %s, in %s", when(t.iat), ago(t.iat-now))
	case j.issuer.MaxLifetime > 0 && t.exp-t.iat > seconds(j.issuer.MaxLifetime):
		return j.stop(LifetimeTooLong, "exp is %s after iat, max_lifetime is %s", ago(t.exp-t.iat), j.issuer.MaxLifetime)
	}
	return OK
}

// date reads a time; see [jose.Value.NumericDate].
func (j *judge) date(name string, required bool) (n int64, present bool, r Reason) {
	v, ok := j.token.Claims.Get(name)
	if !ok {
		if required {
			return 0, false, j.stop(ClaimMissing, "%s is missing", name)
		}
		return 0, false, OK
	}
	if n, ok = v.NumericDate(); !ok {
		return 0, true, j.stop(ClaimInvalid, "%s is not a time in whole seconds since 1970", name)
	}
	return n, true, OK
}

// audience reads aud (RFC 7519, section 4.1.3).
func (j *judge) audience() ([]string, Reason) {
	v, ok := j.token.Claims.Get("aud")
	if !ok {
		return nil, j.stop(ClaimMissing, "aud is missing")
	}
	if s, ok := v.String(); ok {
		return []string{s}, OK
	}
	all, ok := v.Strings()
	if !ok {
		return nil, j.stop(ClaimInvalid, "aud is neither a string nor an array of strings")
	}
	return all, OK
}

// checkGrace is step 11. The issuer stopped signing with the key when it withdrew
// it: what claims to be issued later was signed by somebody else, unless the
// withdrawal is a mistake. A fetch would tell.
func (j *judge) checkGrace() Reason {
	if j.d.State != keyset.Grace {
		return OK
	}
	j.d.Refresh = AskRefresh
	start := j.withdrawal()
	if !j.times.hasIat {
		return j.stop(IssuedAfterWithdrawal, "the key was withdrawn at %s, and without iat nobody can tell that the token is older", start.Format(time.RFC3339))
	}
	if IssuedAfter(j.times.iat, start, j.issuer.ClockSkew) {
		return j.stop(IssuedAfterWithdrawal, "iat is %s, the key was withdrawn at %s", when(j.times.iat), start.Format(time.RFC3339))
	}
	return OK
}

// IssuedAfter tells whether a token is younger than the withdrawal of its key by more
// than skew. Its iat is in Unix seconds.
func IssuedAfter(iat int64, withdrawal time.Time, skew time.Duration) bool {
	return iat > withdrawal.Unix()+seconds(skew)
}

// withdrawal is when the grace began, by the wall clock, with which the issuer
// wrote iat. Where lifecycle time is ahead of it (after a step back), the same
// moment has an earlier name there.
func (j *judge) withdrawal() time.Time {
	ahead := max(0, j.now.Life.Sub(j.now.Wall))
	return j.ref.GraceStart(j.now).Add(-ahead).UTC()
}

// checkPolicy is step 12.
func (j *judge) checkPolicy() Reason {
	// RFC 9449, section 7.2, and RFC 8705, section 3: a token bound to a key of
	// its client is no bearer token.
	if _, bound := j.token.Claims.Get("cnf"); bound {
		return j.stop(PopRequired, "the token has cnf, and proof of possession is not verified here")
	}
	if len(j.RequiredScopes) > 0 {
		have := j.scopes()
		for _, s := range j.RequiredScopes {
			if !slices.Contains(have, s) {
				return j.stop(ScopeInsufficient, "scope %s is missing", quote(s))
			}
		}
	}
	for _, c := range j.claims {
		v, _ := j.token.Claims.Get(c.name)
		if s, ok := v.String(); ok && s == c.want {
			continue
		}
		if all, ok := v.Strings(); ok && slices.Contains(all, c.want) {
			continue
		}
		return j.stop(ClaimMismatch, "claim %s is not, and does not hold, %s", quote(c.name), quote(c.want))
	}
	return OK
}

// scopes are the token's: scope (RFC 9068, section 2.2.3), else scp, which some
// issuers write instead; a string split at spaces, or an array.
func (j *judge) scopes() []string {
	v, ok := j.token.Claims.Get("scope")
	if !ok {
		v, _ = j.token.Claims.Get("scp")
	}
	return words(v)
}

func words(v jose.Value) []string {
	if s, ok := v.String(); ok {
		return strings.Split(s, " ") // RFC 6749, section 3.3
	}
	all, _ := v.Strings()
	return all
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
