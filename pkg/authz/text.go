package authz

import (
	"strings"
	"unicode/utf8"
)

// Every string that goes into an answer passes through one of these functions,
// is a header's name that [isHeaderName] took, or is a constant.

// isPrintable tells whether s is printable ASCII and nothing else.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// printable is s with a question mark for each byte that is not printable ASCII.
func printable(s string) string {
	if isPrintable(s) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

// isWritable tells whether s can be a header's value: UTF-8, which protobuf
// demands, without control characters.
func isWritable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// quote makes a quoted-string (RFC 9110, section 5.6.4) of s.
func quote(s string) string {
	s = strings.ReplaceAll(printable(s), `\`, `\\`)
	return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
}
