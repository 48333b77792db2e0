package authz

import "strings"

// removeToken takes the credential out of the request wherever it was found, be
// it good or not. Where it was not looked for, because the request or the load is too
// much or after a panic, all the places are cleared.
func (p *plan) removeToken(m *mutations, r *request, f found) {
	if p.Token.Header != "" && (f.header || !f.searched) {
		m.drop(p.Token.Header)
	}
	switch {
	case p.Token.Cookie == "":
	case !f.searched:
		m.drop("cookie")
	case f.cookie:
		rest := cookiesWithout(r.cookies, p.Token.Cookie)
		// Envoy ignores raw_value in answers, so such bytes cannot be written back.
		if rest == "" || !isWritable(rest) {
			m.drop("cookie")
		} else {
			m.set = append(m.set, overwrite{"cookie", rest})
		}
	}
	if p.Token.Query != "" && (f.query || !f.searched) {
		if path := pathWithout(r.path, p.Token.Query); path != r.path {
			m.set = append(m.set, overwrite{":path", path})
		}
	}
}

func cookiesWithout(lines []string, name string) string {
	var left []string
	for _, line := range lines {
		rest, _ := cookies.without(line, name)
		if rest = strings.TrimLeft(rest, " \t"); rest != "" {
			left = append(left, rest)
		}
	}
	return strings.Join(left, "; ")
}

// pathWithout is the path less a parameter of its query, and less the question
// mark if that was all. Envoy's query_parameters_to_remove would sort the other
// parameters, and break signed URLs.
func pathWithout(path, parameter string) string {
	before, query, ok := strings.Cut(path, "?")
	if !ok {
		return path
	}
	query, kept := parameters.without(query, parameter)
	if kept > 0 {
		before += "?" + query
	}
	if isWritable(before) {
		return before
	}
	// Such bytes cannot be written back as they are; escaped they mean the same
	// (RFC 3986, section 2.1).
	var b strings.Builder
	for i := range len(before) {
		if c := before[i]; c <= ' ' || c >= 0x7f {
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
