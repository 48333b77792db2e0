package authz

import (
	"bytes"
	"strings"
)

// found is what the places that a policy names hold.
type found struct {
	token                 []byte // the credential, if n is 1; of the message, maybe
	n                     int    // how many there are, or may be
	header, query, cookie bool   // where
	searched              bool   // false: nobody has looked, and it may be anywhere
}

// find looks for credentials in all places that the policy names. A header,
// cookie or parameter with nothing in it is no credential; two of one name are
// several even if one is empty, since parsers differ about which of them counts.
func (p *plan) find(r *request) found {
	f := found{searched: true}
	if p.Token.Header != "" {
		token, n := header(r.credential, p.Token.Header == "authorization")
		f.header = f.add(token, n)
	}
	if p.Token.Cookie != "" {
		var token string
		var n int
		for _, line := range r.cookies {
			value, k := cookies.find(line, p.Token.Cookie)
			if k > 0 {
				token, n = value, n+k
			}
		}
		token = unquote(trim(token))
		if n == 1 && token == "" {
			n = 0
		}
		f.cookie = f.add([]byte(token), n)
	}
	if p.Token.Query != "" {
		if _, query, ok := strings.Cut(r.path, "?"); ok {
			token, n := parameters.find(query, p.Token.Query)
			if n == 1 && token == "" {
				n = 0
			}
			f.query = f.add([]byte(token), n)
		}
	}
	return f
}

// add counts n credentials of one place, of which the first is token.
func (f *found) add(token []byte, n int) bool {
	if n > 0 {
		f.token, f.n = token, f.n+n
	}
	return n > 0
}

// header finds the credentials in the header of a token: after the scheme Bearer
// (RFC 6750, section 2.1), in a header other than authorization also bare. The
// scheme alone is a token, an empty one, since its sender did mean to hand one
// over. Another scheme is none of our credentials.
func header(l lines, authorization bool) (token []byte, n int) {
	if l.n > 1 {
		return nil, l.n
	}
	value := bytes.Trim(l.first, blanks)
	if len(value) == 0 {
		return nil, 0
	}
	end := 0
	for end < len(value) && isTokenByte(value[end]) {
		end++
	}
	bearer := isName(value[:end], "bearer")
	if bytes.IndexByte(value, ',') >= 0 && (bearer || !authorization || !isOneCredential(string(value))) {
		return nil, 2
	}
	switch {
	case bearer:
		return bytes.TrimLeft(value[end:], " "), 1
	case authorization:
		return nil, 0
	}
	return value, 1
}

// isOneCredential tells whether commas in the credentials of another scheme
// separate its parameters (RFC 9110, section 11.4: Digest, AWS4-HMAC-SHA256) and
// not, as where Envoy joined two lines, two credentials.
func isOneCredential(value string) bool {
	_, rest, _ := strings.Cut(value, ",")
	for part := range strings.SplitSeq(rest, ",") {
		name, _, ok := strings.Cut(trim(part), "=")
		name = trim(name)
		for i := range len(name) {
			ok = ok && isTokenByte(name[i])
		}
		if !ok {
			return false
		}
	}
	return true
}

// unquote takes the quotes off a cookie's value (RFC 6265, section 4.1.1).
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// blanks are optional white space (RFC 9110, section 5.6.3).
const blanks = " \t"

func trim(s string) string { return strings.Trim(s, blanks) }
