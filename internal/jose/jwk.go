package jose

import (
	"cmp"
	"crypto"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// MaxKidSize is the longest kid that is read, in bytes. Thumbprints take 43,
// ARNs and URLs of key services about 100. A kid is a metric's label and part of
// a path of the admin API.
const MaxKidSize = 256

// privateMembers are those that hold a private key, or part of one: RFC 7518,
// sections 6.2.2 and 6.3.2; RFC 8037, section 2.
var privateMembers = map[string][]string{
	"RSA": {"d", "p", "q", "dp", "dq", "qi", "oth"},
	"EC":  {"d"},
	"OKP": {"d"},
}

// readKey reads one element of a document's keys. If the key must not be used,
// the second result says why. proofs is what [proves] may still spend.
func readKey(v Value, proofs *int) (keyset.Listed, keyset.Skipped) {
	if v.Kind() != KindObject {
		return keyset.Listed{}, keyset.Skipped{Reason: keyset.SkipMalformed}
	}
	o, _ := newObject(string(v), nil)
	kid, badKid := readKid(o)
	kty, ok := stringOf(o, "kty")
	if !ok {
		return keyset.Listed{}, keyset.Skipped{Kid: kid, Reason: keyset.SkipMalformed}
	}
	m, badMaterial := readMaterial(kty, o)
	alg, badAlg := readAlg(o, m.public)
	notBefore, badNotBefore := readTime(o, "nbf")
	expires, badExpires := readTime(o, "exp")

	// A secret comes before every other fault: whatever else is wrong
	// with the key, everybody can sign with it now.
	reason := cmp.Or(readPrivate(kty, o), badKid, readUse(o), readOperations(o), badMaterial, badAlg, badNotBefore, badExpires)
	switch reason {
	case "":
		return keyset.Listed{
			Kid: kid, Thumbprint: m.thumbprint, Modulus: m.modulus, Alg: alg,
			Public: m.public, JWK: m.jwk, NotBefore: notBefore, Expires: expires,
		}, keyset.Skipped{}
	case keyset.SkipPrivate:
		if proves(kty, o, proofs) {
			return keyset.Listed{}, keyset.Skipped{Kid: kid, Reason: reason, Thumbprint: m.thumbprint, Modulus: m.modulus}
		}
	}
	return keyset.Listed{}, keyset.Skipped{Kid: kid, Reason: reason}
}

// readKid wants a kid that a token can name and a person can read. It is cloned,
// for the record of the key outlives the document.
func readKid(o Object) (string, keyset.SkipReason) {
	kid, ok := stringOf(o, "kid")
	if !ok || kid == "" {
		return "", keyset.SkipNoKid
	}
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if len(kid) > MaxKidSize || strings.ContainsFunc(kid, unprintable) {
		return "", keyset.SkipMalformed
	}
	return strings.Clone(kid), ""
}

// readPrivate looks for a private part. A member that holds nothing (some
// serialisers write null or "" for what they leave out) gives nothing away: the
// key is malformed, not compromised, for that could not be taken back.
func readPrivate(kty string, o Object) keyset.SkipReason {
	if kty == "oct" { // RFC 7518, section 6.4: nothing of it is public
		return keyset.SkipSymmetric
	}
	reason := keyset.SkipReason("")
	for _, name := range privateMembers[kty] {
		v, ok := o.Get(name)
		switch {
		case !ok:
		case v == "null" || v == `""`:
			reason = keyset.SkipMalformed
		default:
			return keyset.SkipPrivate
		}
	}
	return reason
}

// readUse wants use to be absent or "sig": RFC 7517, section 4.2.
func readUse(o Object) keyset.SkipReason {
	v, ok := o.Get("use")
	if !ok {
		return ""
	}
	use, ok := v.String()
	switch {
	case !ok:
		return keyset.SkipMalformed
	case use != "sig":
		return keyset.SkipUse
	}
	return ""
}

// readOperations wants key_ops to be absent or to hold "verify": RFC 7517,
// section 4.3.
func readOperations(o Object) keyset.SkipReason {
	v, ok := o.Get("key_ops")
	if !ok {
		return ""
	}
	operations, ok := v.Strings()
	switch {
	case !ok:
		return keyset.SkipMalformed
	case !slices.Contains(operations, "verify"):
		return keyset.SkipOperations
	}
	return ""
}

// readAlg wants alg to be absent or one that the key can be used with.
func readAlg(o Object, public crypto.PublicKey) (string, keyset.SkipReason) {
	v, ok := o.Get("alg")
	if !ok {
		return "", ""
	}
	name, ok := v.String()
	if !ok {
		return "", keyset.SkipMalformed
	}
	a, ok := known(name)
	if !ok || !a.fits(public) {
		return "", keyset.SkipAlgorithm
	}
	return a.name, ""
}

// readTime reads nbf or exp of a key (OpenID Federation 1.0, section 8.7):
// whole seconds as in a token, zero if absent.
func readTime(o Object, name string) (time.Time, keyset.SkipReason) {
	v, ok := o.Get(name)
	if !ok {
		return time.Time{}, ""
	}
	n, ok := v.NumericDate()
	if !ok {
		return time.Time{}, keyset.SkipMalformed
	}
	return time.Unix(n, 0).UTC(), ""
}
