package main

import (
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

// authorization is an AuthorizationPolicy of Istio, as far as it asks who the token
// is of.
type authorization struct {
	at        place
	namespace string
	selector  string
	requires  bool // a request without a token is refused, at least on some paths
	used      bool // a RequestAuthentication goes with it
}

// rootNamespace is where a policy without a selector is for every workload, unless
// the mesh is configured otherwise.
const rootNamespace = "istio-system"

func (auth *authorization) covers(r *requestAuthentication) bool {
	if auth.namespace != r.namespace {
		return auth.namespace == rootNamespace && auth.selector == ""
	}
	return auth.selector == "" || auth.selector == r.selector
}

// authorization finds out whether a token is required. It stays in force beside the
// guard, so whatever else it says needs no place here, as long as it does not read
// the token.
func (a *adoption) authorization(p place) *authorization {
	auth := &authorization{at: p, namespace: ofMetadata(p.Node, "namespace")}
	spec := p.Get("spec")
	if spec == nil {
		return auth
	}
	auth.selector = selector(spec)
	action := text(spec, "action")
	rules := spec.Get("rules")
	if rules == nil || rules.Kind != config.List || action == "CUSTOM" || action == "AUDIT" {
		return auth
	}
	reads, partly, narrow := false, false, false
	for _, rule := range rules.Items {
		r := readsToken(rule)
		reads = reads || r.at
		narrow = narrow || r.narrow
		switch {
		case action == "DENY" && r.without:
			auth.requires = true
			partly = partly || rule.Get("to") != nil || rule.Get("when") != nil
		case action == "DENY":
		case r.needs:
			auth.requires = true
		default:
			partly = true
		}
	}
	at := p.at("spec", spec).at("rules", rules)
	if auth.requires && partly {
		a.note(noteLost, at, "a token is required on some requests only; the guard knows no paths, and requires one on all: STRICTER than before", "leave the open paths out in the AuthorizationPolicy with action CUSTOM (notPaths), or give them a policy with allow_missing")
	}
	if narrow {
		a.note(noteWeaker, at, "narrows by what is in the token (requestPrincipals, request.auth.*). The guard does not: once this policy is gone, EVERY TOKEN of its issuers passes, which is WEAKER", "say it with issuers, required_claims and required_scopes of the policy, or copy the claim with claim_headers and match the header")
	}
	switch {
	case auth.requires && !partly && !narrow:
		a.note(noteDiffers, at, "a token is required, here by the policy itself (allow_missing is not set). Without RequestAuthentication this one refuses every request", "remove both together, once the guard enforces")
	case reads:
		a.note(noteLost, at, "reads what RequestAuthentication finds out. Without that, ALLOW refuses every request, and DENY by claims refuses none", "remove both together, once the guard enforces")
	}
	return auth
}

// tokenReading is how a rule reads the token.
type tokenReading struct {
	at      bool // at all
	needs   bool // it matches only with one
	without bool // it matches without one
	narrow  bool // by more than whether there is one
}

func readsToken(rule *config.Node) (r tokenReading) {
	if from := rule.Get("from"); from != nil {
		r.needs = len(from.Items) > 0
		for _, item := range from.Items {
			source := item.Get("source")
			if source == nil {
				r.needs = false
				continue
			}
			principals, not := option(source, "request_principals"), option(source, "not_request_principals")
			r.at = r.at || principals != nil || not != nil
			r.needs = r.needs && principals != nil
			r.without = r.without || not != nil && anyone(not)
			r.narrow = r.narrow || principals != nil && !anyone(principals) || not != nil && !anyone(not)
		}
	}
	if when := rule.Get("when"); when != nil {
		for _, item := range when.Items {
			if !strings.HasPrefix(text(item, "key"), "request.auth.") {
				continue
			}
			r.at, r.narrow = true, true
			r.needs = r.needs || option(item, "values") != nil
		}
	}
	return r
}

// anyone tells whether a list of principals is the one that matches every token.
func anyone(n *config.Node) bool {
	return len(n.Items) == 1 && n.Items[0].Text == "*"
}
