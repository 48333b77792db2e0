package jose

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
)

const (
	// MaxTokenSize is the longest token that is read, in characters. Common
	// ones have one to four thousand; many servers take no header over 8 KiB.
	MaxTokenSize = 8192
	// MaxHeaderSize is the longest encoded header part, in characters. An
	// honest header holds alg, kid and typ; a longer one carries a certificate
	// or an attack.
	MaxHeaderSize = 2048
)

// usualMembers is how many members header and payload of most tokens have
// together. More cost one more allocation.
const usualMembers = 16

// Token is a compact JWS that was read but not verified: everything in it is
// what the bearer says.
type Token struct {
	Header       Object
	Claims       Object
	SigningInput string // "header.payload" as sent
	Payload      string // the encoded payload as sent
	Signature    []byte // empty if the third part is: no algorithm of ours has such a signature
}

// decoded are buffers for what a token's parts decode to.
var decoded = sync.Pool{New: func() any {
	b := make([]byte, 0, base64.RawURLEncoding.DecodedLen(MaxTokenSize))
	return &b
}}

// Read takes a compact JWS apart (RFC 7515, section 5.2, steps 1 to 7). It
// accepts one spelling only: each accepted token is, part by part, the encoding
// of what was read from it. No value is judged here, except that some header
// members must not be there.
//
// The error is of the kind [ErrTooLarge], [ErrMalformed] or [ErrForbiddenHeader].
func Read(token string) (*Token, error) {
	if len(token) > MaxTokenSize {
		return nil, faultf(ErrTooLarge, "token: %d characters, at most %d are read", len(token), MaxTokenSize)
	}
	dot := strings.IndexByte(token, '.')
	if dot > MaxHeaderSize {
		return nil, faultf(ErrTooLarge, "header: %d characters, at most %d are read", dot, MaxHeaderSize)
	}
	if dots := strings.Count(token, "."); dots != 2 {
		return nil, faultf(ErrMalformed, "token: %d dots, a compact JWS has 2", dots)
	}
	lastDot := strings.LastIndexByte(token, '.')
	t := &Token{SigningInput: token[:lastDot], Payload: token[dot+1 : lastDot]}

	buffer := decoded.Get().(*[]byte)
	defer decoded.Put(buffer)
	text, err := appendObject((*buffer)[:0], token[:dot])
	if err != nil {
		return nil, faultf(ErrMalformed, "header: %v", err)
	}
	end := len(text)
	if text, err = appendObject(text, t.Payload); err != nil {
		return nil, faultf(ErrMalformed, "payload: %v", err)
	}
	if t.Signature, err = appendBase64(nil, token[lastDot+1:]); err != nil {
		return nil, faultf(ErrMalformed, "signature: %v", err)
	}

	// One copy for both objects: names and values are parts of it.
	both := string(text)
	members := make([]member, 0, usualMembers)
	t.Header, members = newObject(both[:end], members)
	t.Claims, _ = newObject(both[end:], members)
	for _, m := range t.Header.members {
		if forbidden(m.name) {
			return nil, faultf(ErrForbiddenHeader, "header: %s: must not be there", m.name)
		}
	}
	if nested(t.Header) {
		return nil, faultf(ErrMalformed, "header: cty: says that the payload is another token, and nested ones are not read")
	}
	return t, nil
}

// nested tells whether a header says that the payload is another JWT, which then
// holds the claims, whatever the payload looks like: RFC 7519, section 5.2, and
// section 7.2, step 8. Media types ignore case and go without application/: RFC 7515,
// section 4.1.10.
func nested(header Object) bool {
	v, _ := header.Get("cty")
	cty, _ := v.String()
	return strings.TrimPrefix(strings.ToLower(cty), "application/") == "jwt"
}

// forbidden tells whether a header member is refused whatever its value. Each
// would let the token choose how, or with which key, it is to be verified:
// extensions that must be understood, and none is (RFC 7515, section 4.1.11); an
// unencoded payload (RFC 7797); keys and places to fetch them from (RFC 7515,
// sections 4.1.2 to 4.1.6); compression and encryption (RFC 7516).
func forbidden(name string) bool {
	switch name {
	case "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc":
		return true
	}
	return false
}

// appendObject decodes a part that holds a JSON object.
func appendObject(dst []byte, part string) ([]byte, error) {
	from := len(dst)
	dst, err := appendBase64(dst, part)
	if err != nil {
		return nil, err
	}
	return dst, checkObject(dst[from:])
}

// strict refuses bits that decode to nothing (RFC 4648, section 3.5): with them
// one signature would have several spellings.
var strict = base64.RawURLEncoding.Strict()

// appendBase64 decodes base64url without padding (RFC 7515, section 2). The
// decoder skips line ends, so they are looked for first.
func appendBase64(dst []byte, s string) ([]byte, error) {
	for _, c := range []byte{'\n', '\r'} {
		if i := strings.IndexByte(s, c); i >= 0 {
			return nil, fmt.Errorf("not base64url at character %d", i)
		}
	}
	dst, err := strict.AppendDecode(dst, []byte(s))
	if err != nil {
		at, _ := err.(base64.CorruptInputError)
		return nil, fmt.Errorf("not base64url at character %d", int64(at))
	}
	return dst, nil
}
