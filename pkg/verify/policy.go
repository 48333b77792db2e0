package verify

import (
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// Keys is where an issuer's current key set is found. The cache of the issuer
// implements it; Set must be one atomic load.
type Keys interface {
	Set() *keyset.Set
}

// Issuer is one iss value and what its tokens must be like.
type Issuer struct {
	Name        string        // what metrics and logs call it
	ID          string        // the exact iss value
	Audiences   []string      // one of them must stand in aud; ["*"] accepts any
	Algorithms  []string      // RFC 7515 alg values that its tokens may have
	Types       []string      // typ values that its tokens may have, if they have one
	MaxLifetime time.Duration // longest exp - iat; 0 is unbounded
	ClockSkew   time.Duration // tolerance of exp, nbf and iat
	Keys        Keys
}

// Policy is what one kind of route asks of a request.
type Policy struct {
	Name             string
	Shadow           bool      // let everything through, and report what would have been denied
	Issuers          []*Issuer // whose tokens are taken
	Audiences        []string  // narrows the issuers' audiences; empty does not
	AllowMissing     bool      // a request without any credential passes
	Token            TokenSource
	ClaimHeaders     []ClaimHeader
	PayloadHeader    string            // header that gets the base64url payload; empty: none
	RequiredScopes   []string          // all of them must be there
	RequiredClaims   map[string]string // each must be equal, or hold it
	Realm            string            // of the challenge (RFC 6750, section 3)
	ResourceMetadata string            // of the challenge (RFC 9728, section 5.1)
}

// TokenSource is where the credential of a request is found. All places that
// are set are looked at; a credential in two of them is one too many.
type TokenSource struct {
	Header  string // lower case; authorization takes "Bearer TOKEN", any other name also the bare token; empty: not looked at
	Query   string // name of a query parameter; empty: not looked at
	Cookie  string // name of a cookie; empty: not looked at
	Forward bool   // leave the token in the request that goes upstream
}

// ClaimHeader copies one claim of an accepted token to a request header.
type ClaimHeader struct {
	Claim  string // top-level claim
	Header string // lower case
}
