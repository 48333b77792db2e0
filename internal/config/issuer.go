package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// AnyAudience, alone in a list, accepts a token for whomever it is meant.
const AnyAudience = "*"

// algorithms are those of RFC 7518, RFC 8037 and RFC 9864 for public keys.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
}

// neverTypes are tokens that must not be taken for access tokens: RFC 9449,
// section 4.2, OpenID Connect Back-Channel Logout, section 2.4, and RFC 8417,
// section 2.3.
var neverTypes = []string{"dpop+jwt", "logout+jwt", "secevent+jwt"}

func defaultIssuer() Issuer {
	return Issuer{
		Algorithms: []string{"RS256", "PS256", "ES256", "EdDSA"},
		Types:      []string{"JWT", "at+jwt"},
		ClockSkew:  time.Minute,
		JWKS:       defaultJWKS(),
		Keys: Keys{
			RemovalConfirm: 30 * time.Second,
			KidReuse:       KidReuseRefuse,
			Retired:        []Tombstone{},
			Revoked:        []Tombstone{},
			Reinstated:     []Tombstone{},
		},
	}
}

// issuers reads all issuers, and refuses two that could be mistaken for each
// other.
func (r *reader) issuers(v value) []Issuer {
	if v.node == nil {
		if !r.written(v.path) {
			r.bad("", "issuers is missing: name at least one, with issuer and audiences")
		}
		return nil
	}
	var all []Issuer
	ids, names := map[string]string{}, map[string]string{}
	r.list(v, maxIssuers, func(item value) {
		iss := defaultIssuer()
		if !r.issuer(item, &iss) {
			return
		}
		all = append(all, iss)
		if first, twice := ids[iss.Issuer]; twice && iss.Issuer != "" {
			r.bad(item.path+".issuer", "%s is configured at %s already: keep one of them", quote(iss.Issuer), first)
			return
		}
		ids[iss.Issuer] = item.path
		if first, twice := names[iss.Name]; twice && iss.Name != "" {
			r.bad(item.path+".name", "%s would be called %s, as %s is: set a name of its own", quote(iss.Issuer), quote(iss.Name), first)
			return
		}
		names[iss.Name] = item.path
	})
	if len(v.node.Content) == 0 {
		r.bad(v.path, "is empty: name at least one, with issuer and audiences")
	}
	return all
}

// issuer reads one issuer; iss holds the defaults. It is false if v is none.
func (r *reader) issuer(v value, iss *Issuer) bool {
	jwks, keys := value{path: v.path + ".jwks"}, value{path: v.path + ".keys"}
	if !r.mapping(v,
		field{"name", r.text(&iss.Name, nameable)},
		field{"issuer", r.text(&iss.Issuer, identifier)},
		field{"audiences", r.texts(&iss.Audiences, maxTexts)},
		field{"algorithms", r.texts(&iss.Algorithms, maxTexts, algorithm)},
		field{"types", r.types(&iss.Types)},
		field{"max_lifetime", r.duration(&iss.MaxLifetime, 0)},
		field{"clock_skew", r.clockSkew(&iss.ClockSkew)},
		field{"optional", r.boolean(&iss.Optional)},
		field{"jwks", func(v value) { jwks = v }},
		field{"keys", func(v value) { keys = v }},
	) {
		return false
	}
	switch {
	case !r.written(v.path + ".issuer"):
		r.bad(v.path, "issuer is missing: write the exact iss value of the tokens")
	case iss.Issuer == "" && !r.complained(v.path+".issuer"):
		r.bad(v.path+".issuer", "is empty: write the exact iss value of the tokens")
	}
	r.audiences(v.path, iss.Audiences)
	if len(iss.Algorithms) == 0 && !r.complained(v.path+".algorithms") {
		r.bad(v.path+".algorithms", "is empty: name at least one, or remove the key to get the default")
	}
	if len(iss.Types) == 0 && !r.complained(v.path+".types") {
		r.bad(v.path+".types", "is empty: name at least one, or remove the key to get the default")
	}
	if iss.Name == "" && iss.Issuer != "" {
		iss.Name = r.nameOf(v.path, iss.Issuer)
	}
	r.jwks(jwks, iss)
	iss.Keys.Grace = defaultGrace(iss)
	r.keys(keys, &iss.Keys)
	return true
}

// MaxClockSkew is more than any clock is wrong that somebody looks after. Beyond it,
// exp, nbf and iat would say nothing.
const MaxClockSkew = 24 * time.Hour

// clockSkew reads how far clocks may differ (RFC 7519, section 4.1.4).
func (r *reader) clockSkew(dst *time.Duration) func(value) {
	return func(v value) {
		r.duration(dst, 0)(v)
		if *dst > MaxClockSkew {
			r.bad(v.path, "must be at most %s, not %s, for which a token would outlive its exp: synchronise the clocks, and write 60s", Span(MaxClockSkew), Span(*dst))
		}
	}
}

// defaultGrace lets every token expire that was signed before the withdrawal,
// if it is known how long that takes.
func defaultGrace(iss *Issuer) time.Duration {
	if iss.MaxLifetime > 0 {
		return iss.MaxLifetime + iss.ClockSkew
	}
	return time.Hour
}

func (r *reader) audiences(path string, list []string) {
	switch {
	case !r.written(path + ".audiences"):
		r.bad(path, `audiences is missing: name whom the tokens are for (the aud claim), or write ["*"] to accept any`)
	case len(list) == 0 && !r.complained(path+".audiences"):
		r.bad(path+".audiences", `is empty: name whom the tokens are for (the aud claim), or write ["*"] to accept any`)
	case len(list) > 1 && slices.Contains(list, AnyAudience):
		r.bad(path+".audiences", `* accepts any audience, whatever else is listed: write ["*"] alone, or remove it`)
	}
}

// nameOf is the default name: the issuer's host.
func (r *reader) nameOf(path, issuer string) string {
	name := issuer
	if u, err := url.Parse(issuer); err == nil && u.Host != "" {
		name = strings.ToLower(u.Host)
	}
	if nameable(name) != "" {
		r.bad(path+".issuer", "%s gives no name to show in metrics and logs: set name", quote(issuer))
		return ""
	}
	return name
}

// identifier checks an iss value. It is compared byte by byte, so what cannot
// be seen in it is a mistake.
func identifier(s string) string {
	if strings.TrimSpace(s) != s {
		return "begins or ends with a space, and is compared exactly: remove it"
	}
	return ""
}

func algorithm(s string) string {
	switch {
	case slices.Contains(algorithms, s):
		return ""
	case strings.EqualFold(s, "none"):
		return `"none" would accept tokens that nobody signed: remove it`
	case len(s) > 2 && strings.EqualFold(s[:2], "HS"):
		return quote(s) + " is symmetric: whoever could check a token could also make one; remove it, and sign with a key pair"
	case s == "Ed448":
		return `"Ed448" cannot be checked here: remove it, and have the issuer sign with Ed25519 or another one`
	}
	return "unknown algorithm " + quote(s) + ": " + suggest(s, algorithms)
}

func (r *reader) types(dst *[]string) func(value) {
	return func(v value) {
		var list []string
		r.texts(&list, maxTexts, mediaType)(v)
		seen := map[string]bool{}
		*dst = nil
		for _, t := range list {
			// RFC 7515, section 4.1.9: the prefix may be left out, and case does not count.
			t = bareType(t)
			if folded := strings.ToLower(t); seen[folded] {
				r.bad(v.path, "%s stands in the list twice: remove one", quote(t))
			} else {
				seen[folded] = true
				*dst = append(*dst, t)
			}
		}
	}
}

func bareType(s string) string {
	const prefix = "application/"
	if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):]
	}
	return s
}

func mediaType(s string) string {
	switch bare := bareType(s); {
	case slices.Contains(neverTypes, strings.ToLower(bare)):
		return quote(s) + " is never an access token: remove it"
	case strings.Trim(bare, tokenChars+"/") != "":
		return quote(s) + " is no media type: write one such as at+jwt"
	}
	return ""
}

// complained tells whether a mistake was noted at the path's value already, so
// that a second message does not follow from the first.
func (r *reader) complained(path string) bool {
	return slices.ContainsFunc(r.problems.List, func(p Problem) bool {
		return strings.HasPrefix(p.Message, path)
	})
}

// Alignment is what the trust windows of the issuer follow from. How old an
// answer of an HTTP cache in front of its JWKS may be is not configured, so it
// is given.
func (i *Issuer) Alignment(cacheMaxAge time.Duration) keyset.Alignment {
	return keyset.Alignment{
		TokenLife:      i.MaxLifetime,
		Overlap:        i.Keys.Overlap,
		Interval:       i.JWKS.Interval,
		FetchTimeout:   i.JWKS.Timeout,
		CacheMaxAge:    cacheMaxAge,
		MaxStale:       i.JWKS.MaxStale,
		RemovalConfirm: i.Keys.RemovalConfirm,
		Grace:          i.Keys.Grace,
		ClockSkew:      i.ClockSkew,
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
