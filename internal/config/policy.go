package config

import (
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Every spelling of an identity header with _ for - is removed from every
// request: two spellings for each dash of a name.
const (
	maxDashes    = 6
	maxSpellings = 1024
)

// allIssuers, alone in a policy's issuers, stands for all of them.
const allIssuers = "*"

func defaultPolicy() Policy {
	return Policy{
		Mode:           ModeEnforce,
		Issuers:        []string{},
		Audiences:      []string{},
		Token:          Token{Header: "authorization", Forward: true},
		ClaimHeaders:   []ClaimHeader{},
		RequiredScopes: []string{},
		RequiredClaims: map[string]string{},
	}
}

// policies reads all policies, and adds the default one if it is not written.
// It is nil if there are too many.
func (r *reader) policies(v value, list []Issuer) map[string]Policy {
	all, issuers := map[string]Policy{}, newKnownIssuers(list)
	if v.node != nil {
		if !r.within(v, len(v.node.Content)/2, maxPolicies) {
			return nil
		}
		r.each(v, func(k *yaml.Node, child value) {
			if complaint := policyName(k.Value); complaint != "" {
				r.problems.add(placeOf(k), v.path+": "+complaint)
			}
			if child.node.Kind == yaml.ScalarNode && child.node.Tag == "!!null" {
				r.bad(child.path, "has no value: write {} for a policy of defaults alone")
				return
			}
			all[k.Value] = r.policy(child, issuers)
		})
	}
	if _, ok := all[DefaultPolicy]; !ok && !r.written(v.path+"."+DefaultPolicy) {
		p := defaultPolicy()
		p.Issuers = r.policyIssuers(v.path+"."+DefaultPolicy, nil, issuers)
		all[DefaultPolicy] = p
	}
	r.identityHeaders(v.path, all)
	return all
}

func (r *reader) policy(v value, issuers *knownIssuers) Policy {
	p := defaultPolicy()
	if !r.mapping(v,
		field{"mode", r.choice(&p.Mode, ModeEnforce, ModeShadow)},
		field{"issuers", r.texts(&p.Issuers, maxIssuers)},
		field{"audiences", r.texts(&p.Audiences, maxTexts, policyAudience)},
		field{"allow_missing", r.boolean(&p.AllowMissing)},
		field{"token", func(v value) { r.token(v, &p.Token) }},
		field{"claim_headers", func(v value) { p.ClaimHeaders = r.claimHeaders(v) }},
		field{"payload_header", r.lower(&p.PayloadHeader, identityHeader)},
		field{"required_scopes", r.texts(&p.RequiredScopes, maxTexts, scopeToken)},
		field{"required_claims", func(v value) { r.requiredClaims(v, p.RequiredClaims) }},
		field{"realm", r.text(&p.Realm, quotable)},
		field{"resource_metadata", r.text(&p.ResourceMetadata, quotable, resourceMetadata)},
	) {
		return p
	}
	p.Issuers = r.policyIssuers(v.path, p.Issuers, issuers)
	r.policyAudiences(v.path, &p, issuers)
	for i, h := range p.ClaimHeaders {
		if h.Header != "" && h.Header == p.PayloadHeader {
			r.bad(v.path+".payload_header", "%s is claim_headers[%d] too: give each a name of its own", quote(h.Header), i)
		}
	}
	return p
}

// knownIssuers are the issuers that policies may name.
type knownIssuers struct {
	names  []string // in the order of the file
	byName map[string]*Issuer
	pairs  int // how often policies have named one
}

func newKnownIssuers(list []Issuer) *knownIssuers {
	k := &knownIssuers{names: make([]string, len(list)), byName: make(map[string]*Issuer, len(list))}
	for i := range list {
		k.names[i] = list[i].Name
		k.byName[list[i].Name] = &list[i]
	}
	return k
}

// policyIssuers resolves which issuers' tokens a policy takes.
func (r *reader) policyIssuers(path string, names []string, issuers *knownIssuers) []string {
	path += ".issuers"
	switch {
	case len(issuers.names) == 0 || r.complained(path):
		return names
	case len(names) == 0 && len(issuers.names) > 1:
		at := path
		if !r.written("policies") {
			at = "issuers"
		}
		r.problems.add(r.places.find(at), under(path, `is empty, and there are several issuers: name those whose tokens the policy takes, or write ["*"] for all`))
		return names
	case len(names) == 0, len(names) == 1 && names[0] == allIssuers:
		names = issuers.names
	}
	if issuers.pairs += len(names); issuers.pairs > maxPairs {
		// Said once: the policies before have their share in it.
		if issuers.pairs-len(names) <= maxPairs {
			r.bad(path, "the policies down to here take tokens of %d issuers in sum, at most %d: name fewer issuers, or give some policies a guard of their own", issuers.pairs, maxPairs)
		}
		return nil
	}
	for _, name := range names {
		switch {
		case r.problems.More:
			return nil
		case name == allIssuers:
			r.bad(path, `* stands for all issuers, whatever else is listed: write ["*"] alone, or remove it`)
		case issuers.byName[name] == nil:
			r.bad(path, "there is no issuer called %s: %s", quote(name), r.suggest(name, issuers.names))
		}
	}
	return slices.Clone(names)
}

// policyAudiences refuses audiences that shut out an issuer altogether.
func (r *reader) policyAudiences(path string, p *Policy, issuers *knownIssuers) {
	if len(p.Audiences) == 0 {
		return
	}
	taken := map[string]bool{AnyAudience: true}
	for _, a := range p.Audiences {
		taken[a] = true
	}
	for _, name := range p.Issuers {
		iss := issuers.byName[name]
		if r.problems.More || iss == nil || len(iss.Audiences) == 0 {
			continue
		}
		if !slices.ContainsFunc(iss.Audiences, func(a string) bool { return taken[a] }) {
			r.bad(path+".audiences", "none of them is an audience of issuer %s, so that no token of it could pass: name one of %s, or take the issuer out of this policy", quote(name), quoteless(strings.Join(iss.Audiences, ", ")))
		}
	}
}

func (r *reader) token(v value, t *Token) {
	if r.mapping(v,
		field{"header", r.lower(&t.Header, tokenHeader)},
		field{"query", r.text(&t.Query, parameterName)},
		field{"cookie", r.text(&t.Cookie, cookieName)},
		field{"forward", r.boolean(&t.Forward)},
	) && t.Header == "" && t.Query == "" && t.Cookie == "" && !r.complained(v.path) {
		r.bad(v.path, "header, query and cookie are all empty, so there is no token to find: set one of them")
	}
}

// lower reads a name that does not depend on case, in lower case.
func (r *reader) lower(dst *string, checks ...check) func(value) {
	return func(v value) {
		r.text(dst, checks...)(v)
		*dst = strings.ToLower(*dst)
	}
}

func (r *reader) claimHeaders(v value) []ClaimHeader {
	list := []ClaimHeader{}
	seen := map[string]string{}
	r.list(v, maxClaimHeaders, func(item value) {
		var h ClaimHeader
		if !r.mapping(item,
			field{"claim", r.text(&h.Claim)},
			field{"header", r.lower(&h.Header, identityHeader)},
		) {
			return
		}
		if (h.Claim == "" || h.Header == "") && !r.complained(item.path) {
			r.bad(item.path, "needs both claim and header, such as {claim: sub, header: x-jwt-sub}")
		}
		if first, twice := seen[h.Header]; twice && h.Header != "" {
			r.bad(item.path+".header", "%s is set by %s already: give each claim a header of its own", quote(h.Header), first)
		}
		seen[h.Header] = item.path
		list = append(list, h)
	})
	return list
}

func (r *reader) requiredClaims(v value, claims map[string]string) {
	if v.node.Kind == yaml.MappingNode && !r.within(v, len(v.node.Content)/2, maxTexts) {
		return
	}
	r.each(v, func(k *yaml.Node, child value) {
		if k.Value == "" {
			r.problems.add(placeOf(k), v.path+": a claim needs a name")
			return
		}
		if !r.present(child) {
			return
		}
		if s, ok := r.str(child); ok {
			claims[k.Value] = s
		}
	})
}

// identityHeaders refuses a policy that looks for its token in a header that is
// removed from every request or overwritten, in whatever spelling, and more
// spellings than can be removed.
func (r *reader) identityHeaders(path string, all map[string]Policy) {
	owner := map[string]string{}
	for _, name := range sortedKeys(all) {
		for _, h := range all[name].ClaimHeaders {
			owner[h.Header] = join(path, name) + ".claim_headers"
		}
		owner[all[name].PayloadHeader] = join(path, name) + ".payload_header"
	}
	delete(owner, "")
	spellings := 0
	for h := range owner {
		spellings += 1 << min(strings.Count(h, "-"), maxDashes)
	}
	if spellings > maxSpellings {
		r.bad(path, "claim_headers and payload_header of all policies, with _ for each -, have %d spellings, and at most %d can be removed from a request: share names between policies, or use fewer dashes", spellings, maxSpellings)
	}
	for _, name := range sortedKeys(all) {
		h := all[name].Token.Header
		if by := owner[strings.ReplaceAll(h, "_", "-")]; by != "" {
			r.bad(join(path, name)+".token.header", "%s is set by %s, and so removed from what clients send: choose another name for one of them", quote(h), by)
		}
	}
}

func policyName(s string) string {
	switch {
	case s == "" || len(s) > 128:
		return "a policy's name has 1 to 128 characters"
	case s == "_OTHER":
		return quote(s) + " has a meaning of its own: choose another name"
	case strings.TrimSpace(s) != s || quotable(s) != "":
		return "a policy's name is printable ASCII without quotes, backslashes and surrounding spaces, not " + quote(s)
	}
	return ""
}

func policyAudience(s string) string {
	if s == AnyAudience {
		return "* would narrow nothing: remove it; an issuer's own audiences decide then"
	}
	return ""
}

// resourceMetadata checks the URL of RFC 9728, section 3: https alone.
func resourceMetadata(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" || strings.Contains(s, " ") {
		return "must be an https URL, not " + quote(s)
	}
	return ""
}
