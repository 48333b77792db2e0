package jose

import (
	"slices"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// MaxDocumentSize is the largest JWKS document that is read, in bytes: a
	// hundred keys with certificate chains take about that much.
	MaxDocumentSize = 512 << 10
	// MaxKeys is how many keys a document may list, usable or not. Issuers list
	// two to ten; each may become a record that is kept for ever.
	MaxKeys = 100
)

// ReadKeys reads a JWKS document (RFC 7517, section 5). A document that is not
// wholly understood is an error and says nothing about any key: neither that it
// is there nor that it is gone. That goes for duplicate names too, also inside
// one key (RFC 7517, section 4 leaves that choice), since two readers of such a
// document could see different keys.
//
// One key that must not be used does not spoil the others: it is skipped with a
// reason. Several keys of one kid are all listed; only the same material under
// the same kid is listed once.
//
// The error is of the kind [ErrTooLarge] or [ErrMalformed].
func ReadKeys(body []byte) (keyset.Document, error) {
	if len(body) > MaxDocumentSize {
		return keyset.Document{}, faultf(ErrTooLarge, "document: over %d bytes, at most that many are read", MaxDocumentSize)
	}
	if err := checkObject(body); err != nil {
		return keyset.Document{}, faultf(ErrMalformed, "document: %v", err)
	}
	top, _ := newObject(string(body), nil)
	keys, ok := top.Get("keys")
	if !ok {
		return keyset.Document{}, faultf(ErrMalformed, "keys: absent; a JWKS document lists its keys there")
	}
	if keys.Kind() != KindArray {
		return keyset.Document{}, faultf(ErrMalformed, "keys: not an array but %s", article(keys.Kind()))
	}

	var d keyset.Document
	count, proofs := 0, maxProofs
	for v := range keys.elements() {
		if count++; count > MaxKeys {
			return keyset.Document{}, faultf(ErrTooLarge, "keys: over %d, at most that many are read", MaxKeys)
		}
		key, skipped := readKey(v, &proofs)
		if skipped.Reason == "" {
			skipped = list(&d, key)
		}
		if skipped.Reason != "" {
			d.Skipped = append(d.Skipped, skipped)
		}
	}
	return d, nil
}

// list adds a key to the document's, unless the same material stands there
// under the same kid already. Where two copies differ, the narrower holds: the
// later nbf, the earlier exp, an alg rather than none. Of two different algs the
// second is skipped, for a key is for one algorithm (RFC 8725, section 3.1).
func list(d *keyset.Document, key keyset.Listed) keyset.Skipped {
	i := slices.IndexFunc(d.Keys, func(l keyset.Listed) bool {
		return l.Kid == key.Kid && l.Thumbprint == key.Thumbprint
	})
	if i < 0 {
		d.Keys = append(d.Keys, key)
		return keyset.Skipped{}
	}
	first := &d.Keys[i]
	if first.Alg != "" && key.Alg != "" && first.Alg != key.Alg {
		return keyset.Skipped{Kid: key.Kid, Reason: keyset.SkipAlgorithm}
	}
	if first.Alg == "" {
		first.Alg = key.Alg
	}
	if key.NotBefore.After(first.NotBefore) {
		first.NotBefore = key.NotBefore
	}
	if first.Expires.IsZero() || !key.Expires.IsZero() && key.Expires.Before(first.Expires) {
		first.Expires = key.Expires
	}
	return keyset.Skipped{}
}

// ReadMaterial reads the public members of one key, as [keyset.Listed] holds them
// in JWK: a record that was kept elsewhere. It gives Thumbprint, Modulus, Public
// and JWK. The error is of the kind [ErrMalformed].
func ReadMaterial(jwk []byte) (keyset.Listed, error) {
	if err := checkObject(jwk); err != nil {
		return keyset.Listed{}, faultf(ErrMalformed, "key: %v", err)
	}
	o, _ := newObject(string(jwk), nil)
	kty, _ := stringOf(o, "kty")
	m, reason := readMaterial(kty, o)
	switch {
	case reason != "":
		return keyset.Listed{}, faultf(ErrMalformed, "key: %s", reason)
	case string(m.jwk) != string(jwk):
		return keyset.Listed{}, faultf(ErrMalformed, "key: not in the canonical form of RFC 7638")
	}
	return keyset.Listed{Thumbprint: m.thumbprint, Modulus: m.modulus, Public: m.public, JWK: m.jwk}, nil
}
