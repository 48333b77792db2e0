package verify

import (
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// findKey is step 7. A key out of service is found even if the rest of the set
// cannot be used: its tokens are refused for good (401), not for now (503).
func (j *judge) findKey() Reason {
	v, ok := j.token.Header.Get("kid")
	if !ok {
		return j.stop(KidMissing, "kid is missing")
	}
	kid, ok := v.String()
	if !ok || kid == "" {
		return j.stop(KidMissing, "kid is empty or not a string")
	}
	return j.lookUp(kid)
}

// lookUp is the rest of step 7, for a kid that is there.
func (j *judge) lookUp(kid string) Reason {
	if j.set == nil {
		j.set = j.issuer.Keys.Set()
	}
	set := j.set
	ref, found := set.Lookup(kid)
	if found {
		if state := ref.State(j.now); ref.Seen() || state >= keyset.Retired {
			j.ref = ref
			j.d.Key, j.d.Kid, j.d.Alg, j.d.State = ref.Key, ref.Name, j.alg, state
			if state >= keyset.Retired {
				return OK // step 8 refuses it
			}
		} else {
			found = false // ordered out of service in the future, and not listed yet
		}
	}
	switch {
	case set.Observed().IsZero():
		j.d.Refresh = AwaitRefresh
		return j.stop(KeysUnavailable, "the issuer's keys were never fetched")
	case set.Stale(j.now):
		j.d.Refresh = AwaitRefresh
		age := max(j.now.Wall.Sub(set.Observed().Wall), j.now.Life.Sub(set.Observed().Life))
		return j.stop(KeysStale, "the issuer's keys were last fetched %s ago", age.Round(time.Second))
	case found:
		return OK
	case set.Failing():
		// The token may be good: its key may be newer than the last fetch that
		// worked.
		j.d.Refresh = AwaitRefresh
		return j.stop(KeysUnavailable, "kid %s is unknown, and the last fetch of the issuer's keys failed", quote(kid))
	}
	j.d.Refresh = AwaitRefresh
	return j.stop(KidUnknown, "kid %s is not in the issuer's key set", quote(kid))
}

// checkState is step 8, before any cryptography.
func (j *judge) checkState() Reason {
	switch j.d.State {
	case keyset.Active, keyset.Grace:
		return OK
	case keyset.Pending:
		return j.stop(KeyPending, "the key is not to be used before %s", j.ref.Begins().UTC().Format(time.RFC3339))
	case keyset.Revoked:
		j.checkLate()
		return j.stop(KeyRevoked, "the key was revoked%s", j.since())
	}
	j.checkLate()
	return j.stop(KeyRetired, "the key is out of service%s", j.since())
}

// since says when and why the key went out of service, as far as is known.
func (j *judge) since() string {
	end := j.ref.RevokedAt
	if end.IsZero() {
		for _, t := range []time.Time{j.ref.GraceUntil, j.ref.Expires} {
			if !t.IsZero() && !t.After(j.now.Life) && (end.IsZero() || t.Before(end)) {
				end = t
			}
		}
	}
	s := ""
	if !end.IsZero() {
		s = " since " + end.UTC().Format(time.RFC3339)
	}
	if j.ref.Reason != "" {
		s += " (" + j.ref.Reason + ")"
	}
	return s
}

// checkLate finds out whether a token of a key out of service was really signed
// with it, be it with an alg that is not the key's: whoever did that has the key.
// The answer changes nothing about the decision.
func (j *judge) checkLate() {
	if j.genuine {
		j.d.Signature = keyset.Valid
		return
	}
	if !j.ref.Seen() || !j.issuer.late.take(j.now.Life) {
		return
	}
	j.d.Signature = keyset.Invalid
	if jose.Verify(j.alg, j.ref.Public, j.token.SigningInput, j.token.Signature) == nil {
		j.d.Signature = keyset.Valid
	}
}

// algFits tells whether the token's alg, which is one of the issuer's, is the key's.
func (j *judge) algFits() bool {
	return fits(j.alg, j.ref.Key)
}

// fits tells whether a key may be used with one of its issuer's algorithms. RFC
// 8725, section 3.1: a key is used with exactly one, and names are compared exactly:
// a key for EdDSA is none for Ed25519 (RFC 9864, section 7). A key that names none
// may be used with all that fit its type.
func fits(alg string, k *keyset.Key) bool {
	if k.Alg != "" {
		return k.Alg == alg
	}
	return jose.Fits(alg, k.Public)
}

// AlgorithmsOf are those of its issuer's algorithms that tokens of the key may have,
// in the issuer's order. More than one is what RFC 8725, section 3.1 forbids; with
// none, no token of the key can pass.
func AlgorithmsOf(k *keyset.Key, issuers []string) []string {
	all := []string{}
	for _, alg := range issuers {
		if fits(alg, k) {
			all = append(all, alg)
		}
	}
	return all
}

// checkSignature is step 9.
func (j *judge) checkSignature() Reason {
	if !j.algFits() {
		if j.ref.Alg != "" {
			return j.stop(AlgMismatch, "alg is %s, the key's is %s", j.alg, j.ref.Alg)
		}
		return j.stop(AlgMismatch, "alg is %s, which the key's type does not fit", j.alg)
	}
	if err := jose.Verify(j.alg, j.ref.Public, j.token.SigningInput, j.token.Signature); err != nil {
		return j.stop(SignatureInvalid, "%s", err)
	}
	return OK
}
