package authz

import "strings"

// pairs is how name=value pairs are written in one line of text.
type pairs struct {
	separator byte
	// doubtful separates pairs for some readers only, or where two lines were
	// joined. A name after it may or may not be one, so it counts as several.
	doubtful byte
	name     func(string) string // takes a name as written to the name meant
}

var (
	// cookies is RFC 6265, section 4.2.1. Envoy joins two cookie lines of HTTP/1
	// by a comma.
	cookies = pairs{';', ',', trim}
	// parameters is a query as the WHATWG URL standard reads it. Older readers
	// also split it at semicolons.
	parameters = pairs{'&', ';', unescape}
)

// find counts the pairs of that name. The value is as written, that of the last.
func (x pairs) find(s, name string) (value string, n int) {
	for part := range strings.SplitSeq(s, string(x.separator)) {
		certain := true
		for sub := range strings.SplitSeq(part, string(x.doubtful)) {
			if x.is(sub, name) {
				if certain {
					_, value, _ = strings.Cut(part, "=")
					n++
				} else {
					n += 2
				}
			}
			certain = false
		}
	}
	return value, n
}

// without is s less the pairs of that name, each with one separator, and all else
// byte for byte; kept is how many pairs are left, empty ones included.
func (x pairs) without(s, name string) (rest string, kept int) {
	var b strings.Builder
	for start := 0; start <= len(s); {
		end := start
		for end < len(s) && s[end] != x.separator && s[end] != x.doubtful {
			end++
		}
		if part := s[start:end]; !x.is(part, name) {
			if kept > 0 {
				b.WriteByte(s[start-1])
			}
			b.WriteString(part)
			kept++
		}
		start = end + 1
	}
	return b.String(), kept
}

func (x pairs) is(pair, name string) bool {
	written, _, _ := strings.Cut(pair, "=")
	return x.name(written) == name
}

// unescape decodes a name in a query; an escape that is none stands for itself.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16:
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		b = append(b, c)
	}
	return string(b)
}

// unhex is the value of a hexadecimal digit, 16 for anything else.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
