package keyset

import (
	"crypto"
	"time"
)

// Document is one complete, understood JWKS answer: what an issuer says of its
// keys. A document that was not wholly understood never becomes a Document.
type Document struct {
	Keys    []Listed  // usable keys, in the order of the document
	Skipped []Skipped // the others; each counts as absent
}

// Listed is one usable key as a document lists it.
type Listed struct {
	Kid        string           // RFC 7517, section 4.5; never empty
	Thumbprint string           // RFC 7638 with SHA-256, base64url
	Modulus    string           // SHA-256 of the RSA modulus, base64url; empty for other key types
	Alg        string           // RFC 7517, section 4.4; empty if the JWK has none
	Public     crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	JWK        []byte           // the public members only, canonical as in RFC 7638; whoever holds it must not change it
	NotBefore  time.Time        // JWK nbf; zero if absent
	Expires    time.Time        // JWK exp; zero if absent
}

// Skipped is a key of a document that must not be used.
type Skipped struct {
	Kid    string // as published; may be empty
	Reason SkipReason
	// Thumbprint and Modulus are set for SkipPrivate if the private part proved to
	// be that of the public one, so that the key with which everybody can sign
	// now is found and revoked.
	Thumbprint string
	Modulus    string
}

// SkipReason tells why a key of a document is not used. The set is closed: it
// is a metric's label.
type SkipReason string

// The reasons to skip a key. Those of the second block are found by [Set.Observe],
// which knows the other keys.
const (
	SkipMalformed    SkipReason = "malformed"          // a member is missing or of the wrong form
	SkipType         SkipReason = "kty_unknown"        // kty or crv that we do not know, e.g. AKP (RFC 7517, section 5: ignore it)
	SkipAlgorithm    SkipReason = "alg_unusable"       // alg that is not for signatures, or does not fit kty and crv
	SkipNoKid        SkipReason = "kid_absent"         // nothing could ever choose it
	SkipUse          SkipReason = "use_not_sig"        // use: enc
	SkipOperations   SkipReason = "key_ops_not_verify" // key_ops without verify
	SkipSymmetric    SkipReason = "symmetric"          // kty oct: a shared secret in a public document
	SkipPrivate      SkipReason = "private_key"        // the private part is present
	SkipRSASize      SkipReason = "rsa_size"           // modulus under 2048 or over 8192 bits
	SkipRSAExponent  SkipReason = "rsa_exponent"       // even, or 1
	SkipPointInvalid SkipReason = "point_off_curve"    // the point is not on the curve

	SkipAmbiguous SkipReason = "kid_ambiguous" // one kid, several materials in one document
	SkipReused    SkipReason = "kid_reused"    // a known kid with new material
	SkipRetired   SkipReason = "retired"       // out of service for ever
	SkipFull      SkipReason = "records_full"  // more records than an issuer may have

	SkipUnrecorded SkipReason = "unrecorded" // it could not be written to the ledger; see [Set.Restrict]
)
