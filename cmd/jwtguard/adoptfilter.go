package main

import (
	"fmt"

	"github.com/jwtguard/jwtguard/internal/config"
)

// adoptFilter is one JwtAuthentication.
type adoptFilter struct {
	at        place
	providers map[string]*adoptProvider
	order     []*adoptProvider
	named     []adoptNamed // requirement_map, then filter_state_rules
	rules     []adoptRule
}

// adoptNamed is a requirement that has a name.
type adoptNamed struct {
	name string
	need adoptNeed
	at   place
}

// adoptRule is one rule: a match and what it requires.
type adoptRule struct {
	at    place
	match *config.Node // nil: everything
	name  string       // of the requirement, if it has one
	need  adoptNeed
}

// filterOptions is what becomes of each option of a JwtAuthentication. Providers
// are read before, since requirements name them.
var filterOptions = options[*adoptFilter]{
	"providers":       func(*adoption, *adoptFilter, place) {},
	"requirement_map": func(*adoption, *adoptFilter, place) {},
	"rules": func(a *adoption, f *adoptFilter, p place) {
		a.each(p, func(p place) { f.rule(a, p) })
	},
	"filter_state_rules": func(a *adoption, f *adoptFilter, p place) { f.stateRules(a, p) },
	"bypass_cors_preflight": func(a *adoption, _ *adoptFilter, p place) {
		if a.boolean(p) {
			a.note(noteLost, p, "preflight requests (OPTIONS) need a token as any other", "put Envoy's cors filter before ext_authz, so that it answers them, or give them a route where ext_authz is disabled")
		}
	},
	"strip_failure_response": func(a *adoption, _ *adoptFilter, p place) {
		if a.boolean(p) {
			a.note(noteDiffers, p, "a refusal has WWW-Authenticate with error and a short description (RFC 6750), which never tells a retired key from an unknown one", "")
		}
	},
	"stat_prefix": func(a *adoption, _ *adoptFilter, p place) {
		a.note(noteDiffers, p, "metrics have labels for policy, issuer and key instead: docs/telemetry.md", "")
	},
}

// ruleOptions is what becomes of each option of a RequirementRule.
var ruleOptions = options[*adoptRule]{
	"match":            func(_ *adoption, r *adoptRule, p place) { r.match = p.Node },
	"requires":         func(*adoption, *adoptRule, place) {}, // by rule
	"requirement_name": func(a *adoption, r *adoptRule, p place) { r.name = a.text(p) },
}

// filter reads a JwtAuthentication, and makes policies of it.
func (a *adoption) filter(p place) {
	f := &adoptFilter{at: p, providers: map[string]*adoptProvider{}}
	if m := option(p.Node, "providers"); m != nil {
		a.entries(p.at("providers", m), func(name string, p place) {
			v := a.known(name, p)
			f.providers[name] = v
			f.order = append(f.order, v)
		})
	}
	if m := option(p.Node, "requirement_map"); m != nil {
		a.entries(p.at("requirement_map", m), func(name string, p place) {
			f.named = append(f.named, adoptNamed{name, f.requirement(a, p), p})
		})
	}
	readOptions(a, p, f, filterOptions)
	a.choose(f)
}

// known reads a provider, unless another filter of the file has the same one.
func (a *adoption) known(name string, p place) *adoptProvider {
	for _, v := range a.providers {
		if v.name == name && canonical(v.at.Node) == canonical(p.Node) {
			return v
		}
	}
	v := a.envoyProvider(name, p)
	a.providers = append(a.providers, v)
	return v
}

// entries calls do for each entry of a map.
func (a *adoption) entries(p place, do func(name string, p place)) {
	if p.Kind != config.Mapping {
		a.mistake(p, "must be a mapping, not %s", p.Describe())
		return
	}
	for _, f := range p.Fields {
		do(f.Key, p.at(f.Key, f.Value))
	}
}

func (f *adoptFilter) rule(a *adoption, p place) {
	r := adoptRule{at: p}
	readOptions(a, p, &r, ruleOptions)
	requires := option(p.Node, "requires")
	switch {
	case requires != nil && r.name != "":
		a.mistake(p, "requires and requirement_name are both set: keep one")
	case requires != nil:
		r.need = f.requirement(a, p.at("requires", requires))
	case r.name != "":
		r.need = f.byName(a, p, r.name)
	default:
		r.need.free = true
	}
	f.rules = append(f.rules, r)
}

func (f *adoptFilter) byName(a *adoption, p place, name string) adoptNeed {
	for _, n := range f.named {
		if n.name == name {
			return n.need
		}
	}
	a.mistake(p, "there is no requirement %s in requirement_map", cited(name))
	return adoptNeed{closed: true}
}

// stateRules reads a FilterStateRule.
func (f *adoptFilter) stateRules(a *adoption, p place) {
	name := ""
	var made []adoptNamed
	readOptions(a, p, &name, options[*string]{
		"name": func(a *adoption, name *string, p place) { *name = a.text(p) },
		"requires": func(a *adoption, _ *string, p place) {
			a.entries(p, func(key string, p place) {
				made = append(made, adoptNamed{"state-" + key, f.requirement(a, p), p})
			})
		},
	})
	f.named = append(f.named, made...)
	a.note(noteLost, p, fmt.Sprintf("the filter state %s does not choose a policy", cited(name)), "let the route choose it (context_extensions: { jwtguard.policy: NAME }); each of its requirements is a policy below, called state-VALUE")
}

// catchAll tells whether a rule matches every path, whatever else it asks.
func (r adoptRule) catchAll() bool {
	if r.match == nil {
		return true
	}
	prefix := option(r.match, "prefix")
	return prefix != nil && prefix.Text == "/" && len(r.match.Fields) == 1
}
