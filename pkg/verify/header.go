package verify

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/jwtguard/jwtguard/internal/jose"
)

const (
	// maxClaimHeader is the longest claim that is copied to a header, in bytes.
	// Envoy gives a request 60 KiB for all headers; 16 of these leave room.
	maxClaimHeader = 1 << 10
	// maxPayloadHeader is the longest payload that is forwarded, in characters.
	maxPayloadHeader = 4 << 10
)

// claimValues are the values of a policy's claim headers, in the policy's order: each
// with its length before it, in two bytes, which is 0 where there is no such header. It
// is a text of its own: parts of a token that was just read would keep all of it in
// memory.
type claimValues string

const _ = uint16(maxClaimHeader)

// copyClaims gives those of an accepted token. What cannot be written as a header is
// left out, and the header is then removed from the request, so that upstream a header
// that is there is always the guard's.
func (j *judge) copyClaims() claimValues {
	if len(j.ClaimHeaders) == 0 {
		return ""
	}
	text := make([]byte, 0, 256)
	for _, h := range j.ClaimHeaders {
		claim, _ := j.token.Claims.Get(h.Claim)
		value, ok := headerText(claim)
		if !ok {
			value = ""
		}
		text = append(binary.BigEndian.AppendUint16(text, uint16(len(value))), value...)
	}
	return claimValues(text)
}

// headers appends to set what v gives for the claim headers that it was made for.
func (v claimValues) headers(claims []ClaimHeader, set []HeaderValue) []HeaderValue {
	for _, h := range claims {
		end := 2 + int(v[0])<<8 + int(v[1])
		if value := string(v[2:end]); value != "" {
			set = append(set, HeaderValue{Name: h.Header, Value: value})
		}
		v = v[end:]
	}
	return set
}

// withPayload adds the payload header, if the policy has one. The payload is cut
// out of the request's own token, whose form was found good.
func (j *judge) withPayload(set []HeaderValue) []HeaderValue {
	if j.PayloadHeader == "" {
		return set
	}
	payload := j.raw[strings.IndexByte(j.raw, '.')+1 : strings.LastIndexByte(j.raw, '.')]
	if len(payload) > maxPayloadHeader {
		return set
	}
	return append(set, HeaderValue{Name: j.PayloadHeader, Value: payload})
}

// headerText writes a claim as a header's value: strings as they are, integers
// and booleans as in JSON, arrays of strings joined by commas. An empty value is
// none: proxies disagree about what an empty header means.
func headerText(v jose.Value) (string, bool) {
	text := ""
	switch v.Kind() {
	case jose.KindString:
		text, _ = v.String()
	case jose.KindBoolean:
		text = string(v)
	case jose.KindNumber:
		if strings.ContainsAny(string(v), ".eE") {
			return "", false
		}
		text = string(v)
	case jose.KindArray:
		all, ok := v.Strings()
		if !ok || slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, ",") || padded(s) }) {
			return "", false
		}
		text = strings.Join(all, ",")
	}
	return text, text != "" && len(text) <= maxClaimHeader && printable(text) && !padded(text)
}

// padded tells whether s begins or ends with a space. No header's value does (RFC
// 9110, section 5.5), nor does an element of a list (section 5.6.1): upstream,
// "admin " would turn into "admin".
func padded(s string) bool { return strings.Trim(s, " ") != s }

// printable tells whether s is made of 0x20 to 0x7E alone: no control character
// that could end a header, no byte that two servers read in two ways.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
