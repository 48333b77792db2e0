package authz

import (
	"slices"
	"strings"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// spellings lists a header's name with each of its dashes as dash and as
// underscore. Many upstreams (CGI and its heirs) cannot tell the two apart, so a
// client could hand them x_jwt_sub beside our x-jwt-sub.
func spellings(name string) []string {
	all := []string{name}
	for i := range len(name) {
		if name[i] == '-' {
			for _, s := range slices.Clone(all) {
				all = append(all, s[:i]+"_"+s[i+1:])
			}
		}
	}
	return all
}

// split sorts the identity headers of all policies into those that p may set and
// the others.
func (p *plan) split(identity map[string]bool) {
	var foreign []string
	for name := range identity {
		if !slices.Contains(p.own, name) {
			foreign = append(foreign, name)
		}
	}
	slices.Sort(foreign)
	p.removeForeign, p.removeAll = newRemoval(foreign), newRemoval(slices.Concat(p.own, foreign))
}

// isHeaderName tells whether s is a field name (RFC 9110, section 5.1) in lower
// case, as HTTP/2 and Envoy have it.
func isHeaderName(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) || 'A' <= s[i] && s[i] <= 'Z' {
			return false
		}
	}
	return s != ""
}

// isTokenByte tells whether c is a tchar (RFC 9110, section 5.6.2).
func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// mutations is what happens to a request that passes: an accepted token's claims
// are set, all other identity headers go, and so does the credential where the
// policy says so. They may be in room, which is empty.
func (p *plan) mutations(d *verify.Decision, r *request, f found, room []overwrite) mutations {
	m := mutations{set: room}
	if d.OK() {
		m.remove = p.removeForeign
		for _, name := range p.own {
			if value, ok := headerOf(d, name); ok && isPrintable(value) {
				m.set = append(m.set, overwrite{name, value})
			} else {
				m.more = append(m.more, name)
			}
		}
	} else {
		m.remove = p.removeAll
	}
	if !p.Token.Forward {
		p.removeToken(&m, r, f)
	}
	return m
}

func headerOf(d *verify.Decision, name string) (string, bool) {
	for _, h := range d.Headers {
		if h.Name == name {
			return h.Value, true
		}
	}
	return "", false
}
