package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

// requestAuthentication is one document of that kind.
type requestAuthentication struct {
	at        place
	name      string
	namespace string
	selector  string // of workloads, as JSON; empty: all of the namespace
	takes     []adoptTake
}

// istio reads RequestAuthentication documents, and what AuthorizationPolicy
// documents ask for beside them.
func (a *adoption) istio(authentications, authorizations []place) {
	var all []*requestAuthentication
	for _, p := range authentications {
		r := &requestAuthentication{at: p, namespace: ofMetadata(p.Node, "namespace"), name: ofMetadata(p.Node, "name")}
		spec := p.Get("spec")
		if spec == nil {
			a.note(noteDiffers, p, "no spec: it verifies nothing", "")
			continue
		}
		r.selector = selector(spec)
		readOptions(a, p.at("spec", spec), r, authenticationOptions)
		if len(r.takes) == 0 {
			a.note(noteDiffers, p, "no jwtRules: it verifies nothing", "")
			continue
		}
		if same := sameWorkloads(all, r); same != nil {
			same.takes = append(same.takes, r.takes...) // Istio applies both
			continue
		}
		all = append(all, r)
	}
	var asked []*authorization
	for _, p := range authorizations {
		asked = append(asked, a.authorization(p))
	}
	for _, r := range all {
		need := adoptNeed{takes: r.takes, missing: true}
		for _, auth := range asked {
			if auth.covers(r) {
				auth.used = true
				need.missing = need.missing && !auth.requires
			}
		}
		a.istioPolicy(r, need, len(all) > 1)
	}
	for _, auth := range asked {
		if !auth.used && auth.requires {
			a.note(noteDiffers, auth.at, "requires a token of workloads that no RequestAuthentication of the file is for: it was not looked at", "")
		}
	}
}

func sameWorkloads(all []*requestAuthentication, r *requestAuthentication) *requestAuthentication {
	for _, have := range all {
		if have.namespace == r.namespace && have.selector == r.selector {
			return have
		}
	}
	return nil
}

func (a *adoption) istioPolicy(r *requestAuthentication, need adoptNeed, several bool) {
	name := r.name
	if len(a.policies) == 0 {
		name = config.DefaultPolicy
	}
	made := a.policy(name, need, r.at)
	if need.missing {
		a.note(noteDiffers, r.at, fmt.Sprintf("REQUESTS WITHOUT A TOKEN PASS the policy %s, as RequestAuthentication alone lets them: no AuthorizationPolicy of the file requires a token", made.name), "remove allow_missing, unless something else requires one")
	}
	if several {
		a.note(noteLost, r.at, fmt.Sprintf("its workloads get the policy %s only over a listener of its own: Istio cannot name a policy. Where several of these documents are for one workload, Istio takes tokens of all", made.name), fmt.Sprintf("add { address: …, policy: %s } to listen.grpc, and an extension provider for it; name all issuers in the policy where several documents meet", made.name))
	}
}

// authenticationOptions is what becomes of each option of a RequestAuthentication.
var authenticationOptions = options[*requestAuthentication]{
	"selector":    forWhom,
	"target_ref":  forWhom,
	"target_refs": forWhom,
	"jwt_rules": func(a *adoption, r *requestAuthentication, p place) {
		a.each(p, func(p place) {
			v := a.istioRule(p)
			r.takes = append(r.takes, adoptTake{v, v.audiences})
		})
	},
}

func forWhom(a *adoption, _ *requestAuthentication, p place) {
	a.note(noteDiffers, p, "the guard judges what Envoy sends it", "choose the same workloads in the AuthorizationPolicy with action CUSTOM")
}

// istioRule reads a JWTRule, unless another document has the same one.
func (a *adoption) istioRule(p place) *adoptProvider {
	for _, v := range a.providers {
		if canonical(v.at.Node) == canonical(p.Node) {
			return v
		}
	}
	v := &adoptProvider{at: p}
	issuer := option1(p.Node, "issuer")
	v.name = nameOf(issuer, "issuer")
	if u, err := url.Parse(issuer); err == nil && u.Host != "" {
		v.name = nameOf(strings.ToLower(u.Host), "issuer")
	}
	readOptions(a, p, v, ruleOfIstio)
	if option(p.Node, "issuer") == nil {
		a.mistake(p, "issuer is missing")
	}
	if option(p.Node, "jwks_uri") == nil && option(p.Node, "jwks") == nil && v.closed == "" {
		if complaint := refusedIssuer(func(i *madeIssuer) { i.issuer, i.keys = v.issuer, adoptKeys{} }); complaint != "" {
			v.close("its keys cannot be discovered")
			a.note(noteLost, p, complaint, "no token of this issuer passes until jwks says where its keys are")
		}
	}
	v.places()
	a.audiences(v)
	a.providers = append(a.providers, v)
	return v
}

// ruleOfIstio is what becomes of each option of a JWTRule.
var ruleOfIstio = options[*adoptProvider]{
	"issuer":    func(a *adoption, v *adoptProvider, p place) { a.issuer(v, p) },
	"audiences": func(a *adoption, v *adoptProvider, p place) { v.audiences = a.texts(p) },
	"jwks_uri":  func(a *adoption, v *adoptProvider, p place) { a.keyURI(v, p, a.text(p)) },
	"jwks": func(a *adoption, v *adoptProvider, p place) {
		if option(v.at.Node, "jwks_uri") != nil {
			a.mistake(p, "jwks and jwksUri are both set: keep one")
			return
		}
		if a.inlineKeys(v, p, a.text(p)); v.keys.inline == "" {
			v.close("its keys cannot be written")
		}
	},
	"timeout": func(a *adoption, v *adoptProvider, p place) { a.fetchTimeout(v, p) },
	"from_headers": func(a *adoption, v *adoptProvider, p place) {
		a.each(p, func(p place) { a.fromHeader(v, p, "prefix") })
	},
	"from_params":              func(a *adoption, v *adoptProvider, p place) { a.fromNames(p, &v.query, "query") },
	"from_cookies":             func(a *adoption, v *adoptProvider, p place) { a.fromNames(p, &v.cookie, "cookie") },
	"output_payload_to_header": func(a *adoption, v *adoptProvider, p place) { a.payloadHeader(v, p) },
	"forward_original_token":   func(a *adoption, v *adoptProvider, p place) { v.forward = a.boolean(p) },
	"output_claim_to_headers": func(a *adoption, v *adoptProvider, p place) {
		a.each(p, func(p place) { a.claimToHeader(v, p, "header", "claim") })
	},
	"space_delimited_claims": func(a *adoption, _ *adoptProvider, p place) {
		a.texts(p)
		a.note(noteLost, p, "claims are not put into request.auth.claims", "scopes are split at spaces where they are required: use required_scopes")
	},
}

func ofMetadata(n *config.Node, key string) string {
	if m := n.Get("metadata"); m != nil {
		return text(m, key)
	}
	return ""
}

// selector is which workloads a document is for.
func selector(spec *config.Node) string {
	var b strings.Builder
	for _, key := range []string{"selector", "target_ref", "target_refs"} {
		if v := option(spec, key); v != nil {
			b.WriteString(key + canonical(v))
		}
	}
	return b.String()
}
