package main

import (
	"fmt"
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

// adoptPolicy is a policy to be made of a need.
type adoptPolicy struct {
	name string
	need adoptNeed
	at   place
}

// choose makes policies of a filter's requirements. The first match of a filter's
// rules chose among them; here the route does, in Envoy.
func (a *adoption) choose(f *adoptFilter) {
	if len(f.order) == 0 {
		return
	}
	rules, catchAll := f.reached(a)
	normal := f.defaultNeed(rules, catchAll)
	first := len(a.policies) == 0
	base := a.policy(config.DefaultPolicy, normal, f.at)
	if base.name != config.DefaultPolicy {
		a.note(noteLost, f.at, "another filter of the file has the policy default", fmt.Sprintf("set jwtguard.policy: %s on the routes behind this filter", base.name))
	}
	for _, n := range f.named {
		made := &adoptPolicy{a.policyName(n.name), f.settled(n.need), n.at}
		a.policies = append(a.policies, made)
		a.requirements[n.name] = made.name
		if made.name != n.name {
			a.note(noteDiffers, n.at, fmt.Sprintf("is the policy %s: the name is taken, or none that a policy may have", made.name), "")
		}
	}
	for i, r := range rules {
		a.route(f, r, i, base, normal)
	}
	switch {
	case len(rules) == 0 && first:
		a.note(noteDiffers, f.at, "no rules, so that nothing was verified unless a route asked for it; here every request needs a token of one of the issuers", "disable ext_authz on the routes that should stay open")
	case !catchAll:
		a.note(noteLost, f.at, "requests that match no rule passed unchecked; here the policy default judges them", "disable ext_authz on their routes (ExtAuthzPerRoute, disabled: true) where they should stay open")
	}
}

// reached are the rules up to the one that matches everything.
func (f *adoptFilter) reached(a *adoption) (rules []adoptRule, catchAll bool) {
	for i, r := range f.rules {
		if r.catchAll() {
			if len(f.rules) > i+1 {
				a.note(noteDiffers, f.rules[i+1].at, "rules from here on are never reached: the one before matches everything", "")
			}
			return f.rules[:i+1], true
		}
	}
	return f.rules, false
}

// defaultNeed is what routes get that name no policy: what the catch-all rule
// asks for, or the only thing that any rule does. Else a token of any issuer of the
// filter.
func (f *adoptFilter) defaultNeed(rules []adoptRule, catchAll bool) adoptNeed {
	if catchAll && !rules[len(rules)-1].need.free {
		return f.settled(rules[len(rules)-1].need)
	}
	var only *adoptNeed
	for _, r := range rules {
		n := f.settled(r.need)
		switch {
		case n.free:
		case only == nil:
			only = &n
		case only.key() != n.key():
			return f.all()
		}
	}
	if only == nil || only.missing {
		return f.all()
	}
	return *only
}

func (f *adoptFilter) all() adoptNeed {
	var n adoptNeed
	for _, v := range f.order {
		n.add(adoptTake{v, v.audiences})
	}
	return n
}

// settled is a need whose providers are named: where only a missing token was
// allowed for, all of the filter's verify one that is there.
func (f *adoptFilter) settled(n adoptNeed) adoptNeed {
	switch {
	case n.free || n.closed || len(n.takes) > 0:
	case (n.missing || n.failed) && !n.partly:
		n.takes = f.all().takes
	case !n.missing && !n.failed:
		n.closed = true
	}
	return n
}

// route says what is to be done in Envoy for one rule.
func (a *adoption) route(f *adoptFilter, r adoptRule, i int, base *adoptPolicy, normal adoptNeed) {
	match := "everything"
	if r.match != nil {
		match = shorten(canonical(r.match))
	}
	need := f.settled(r.need)
	switch {
	case need.free:
		a.note(noteLost, r.at, fmt.Sprintf("requests that match %s passed unchecked; the guard knows no paths", match), "disable ext_authz on their route (ExtAuthzPerRoute, disabled: true)")
	case need.key() == normal.key():
	default:
		name := r.name
		if name == "" && len(need.takes) == 1 && len(need.takes[0].provider.audiences) == len(need.takes[0].audiences) && !need.missing {
			name = need.takes[0].provider.name
		} else if name == "" {
			name = fmt.Sprintf("rule-%d", i+1)
		}
		made := a.policy(name, need, r.at)
		a.note(noteLost, r.at, fmt.Sprintf("requests that match %s get the policy %s here, IF THEIR ROUTE SAYS SO; else they get %s", match, made.name, base.name), fmt.Sprintf("set context_extensions: { jwtguard.policy: %s } on that route (ExtAuthzPerRoute, check_settings)", made.name))
	}
}

// policy is the policy of that need: the one that there is, or a new one.
func (a *adoption) policy(name string, need adoptNeed, at place) *adoptPolicy {
	for _, p := range a.policies {
		if p.need.key() == need.key() {
			return p
		}
	}
	p := &adoptPolicy{a.policyName(name), need, at}
	a.policies = append(a.policies, p)
	return p
}

// policyName makes a name that a policy may have, and no other one has.
func (a *adoption) policyName(name string) string {
	if refusedPolicy(func(p *madePolicy) { p.name = name }) != "" {
		name = nameOf(name, "policy")
	}
	return unique(name, func(s string) bool {
		for _, p := range a.policies {
			if p.name == s {
				return true
			}
		}
		return s == config.DefaultPolicy && len(a.policies) > 0
	})
}

// unique appends a number to a name that is taken.
func unique(name string, taken func(string) bool) string {
	for i, base := 2, name; taken(name); i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}

// nameOf makes a name of any text; if nothing is left, the given one.
func nameOf(s, otherwise string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.:@", r):
			return r
		}
		return '-'
	}, s)
	s = strings.Trim(s[:min(len(s), 100)], "-.")
	if s == "" || s == "_OTHER" {
		return otherwise
	}
	return s
}

// perRouteOptions is what becomes of each option of a PerRouteConfig.
var perRouteOptions = options[*adoption]{
	"disabled": func(a *adoption, _ *adoption, p place) {
		if a.boolean(p) {
			a.note(noteLost, p, "a route on which nothing is verified", "disable ext_authz there (ExtAuthzPerRoute, disabled: true)")
		}
	},
	"requirement_name": func(a *adoption, _ *adoption, p place) {
		name := a.text(p)
		made, ok := a.requirements[name]
		if !ok {
			a.note(noteLost, p, fmt.Sprintf("a route that asks for the requirement %s, which no filter of the file has: Envoy answers 403 there", cited(name)), "give the route a policy")
			return
		}
		a.note(noteLost, p, fmt.Sprintf("a route that asks for the requirement %s", cited(name)), fmt.Sprintf("set context_extensions: { jwtguard.policy: %s } there (ExtAuthzPerRoute, check_settings)", cited(made)))
	},
}

// perRoute reads a PerRouteConfig.
func (a *adoption) perRoute(p place) { readOptions(a, p, a, perRouteOptions) }
