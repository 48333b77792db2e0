package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
)

// madeIssuer is one issuer of our configuration.
type madeIssuer struct {
	name, issuer           string
	audiences              []string // empty: any
	maxLifetime, clockSkew time.Duration
	optional               bool
	keys                   adoptKeys
	comment                string
}

// madePolicy is one policy of our configuration.
type madePolicy struct {
	name                  string
	comment               []string
	shadow, missing       bool
	issuers, audiences    []string
	header, query, cookie string
	forward               bool
	claimHeaders          []config.ClaimHeader
	payloadHeader         string
	subject               string
}

// nobody is an issuer whose tokens do not exist, for policies that let nothing
// pass: there must be one that they take tokens of.
const nobody = "nobody"

// closedValue is an iss or aud that no token has.
func closedValue(name string) string { return "not-carried-over:" + nameOf(name, "provider") }

// made is the configuration to be written.
type made struct {
	issuers  []*madeIssuer
	policies []*madePolicy
}

// assemble makes issuers of providers, and policies of needs.
func (a *adoption) assemble() made {
	var m made
	for _, v := range a.providers {
		a.makeIssuer(&m, v)
	}
	for _, p := range a.policies {
		for _, t := range p.need.takes {
			t.provider.made.widen(t.audiences)
		}
	}
	for _, p := range a.policies {
		m.policies = append(m.policies, a.makePolicy(&m, p))
	}
	a.freeTokenHeaders(&m)
	slices.SortStableFunc(m.policies, func(x, y *madePolicy) int {
		return btoi(x.name != config.DefaultPolicy) - btoi(y.name != config.DefaultPolicy)
	})
	return m
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// makeIssuer adds the provider's issuer, or finds the one of another provider: an
// iss value is configured once.
func (a *adoption) makeIssuer(m *made, v *adoptProvider) {
	for _, i := range m.issuers {
		if i.issuer != v.issuer || v.closed != "" || i.optional {
			continue
		}
		if i.keys.source() != v.keys.source() {
			v.close("its issuer has other keys already")
			a.note(noteLost, v.at, "another provider has the same issuer and other keys; an issuer has one source of keys here", "have both in one JWKS; no token of this provider passes until then")
			break
		}
		a.merge(i, v)
		v.made = i
		return
	}
	i := &madeIssuer{issuer: v.issuer, audiences: v.audiences, maxLifetime: v.maxLifetime, clockSkew: v.clockSkew, keys: v.keys}
	if v.closed != "" {
		i.issuer, i.optional = closedValue(v.name), true
		i.issuer = unique(i.issuer, func(s string) bool {
			return slices.ContainsFunc(m.issuers, func(i *madeIssuer) bool { return i.issuer == s })
		})
		i.comment = "NO TOKEN OF IT PASSES: " + v.closed
		if i.keys.source() == (adoptKeys{}).source() {
			i.keys.file = "/write/the/keys/of/" + nameOf(v.name, "it") + ".json"
		}
	}
	i.name = v.name
	if refusedIssuer(func(try *madeIssuer) { try.name = i.name }) != "" {
		i.name = nameOf(i.name, "issuer")
	}
	i.name = unique(i.name, func(s string) bool {
		return s == nobody || slices.ContainsFunc(m.issuers, func(i *madeIssuer) bool { return i.name == s })
	})
	v.made = i
	m.issuers = append(m.issuers, i)
}

// closedIssuer is an iss value that no issuer of the file has.
func (a *adoption) closedIssuer(m *made, name string) string {
	return unique(closedValue(name), func(s string) bool {
		return slices.ContainsFunc(m.issuers, func(i *madeIssuer) bool { return i.issuer == s }) ||
			slices.ContainsFunc(a.providers, func(v *adoptProvider) bool { return v.issuer == s })
	})
}

// merge gives two providers of one issuer the stricter times of both.
func (a *adoption) merge(i *madeIssuer, v *adoptProvider) {
	stricter := func(have *time.Duration, other, unset time.Duration, what string) {
		x, y := orElse(*have, unset), orElse(other, unset)
		if x != y {
			a.note(noteDiffers, v.at, fmt.Sprintf("another provider of the same issuer has another %s: the shorter one holds for both", what), "")
		}
		if y < x {
			*have = other
		}
	}
	stricter(&i.maxLifetime, v.maxLifetime, longest+1, "max_lifetime")
	stricter(&i.clockSkew, v.clockSkew, time.Minute, "clock_skew_seconds")
	stricter(&i.keys.interval, v.keys.interval, 5*time.Minute, "cache_duration")
	stricter(&i.keys.timeout, v.keys.timeout, 5*time.Second, "timeout")
	i.keys.insecure = i.keys.insecure && v.keys.insecure
	i.widen(v.audiences)
}

func orElse(d, unset time.Duration) time.Duration {
	if d == 0 {
		return unset
	}
	return d
}

// widen adds audiences; policies narrow them again.
func (i *madeIssuer) widen(audiences []string) {
	if len(i.audiences) == 0 || len(audiences) == 0 {
		i.audiences = nil
		return
	}
	i.audiences = slices.Clone(i.audiences)
	for _, aud := range audiences {
		if !slices.Contains(i.audiences, aud) {
			i.audiences = append(i.audiences, aud)
		}
	}
}

// refusedIssuer says why the configuration would not take an issuer that is
// changed like this; empty if it would.
func refusedIssuer(change func(*madeIssuer)) string {
	i := &madeIssuer{name: "x", issuer: "x", audiences: []string{"x"}, keys: adoptKeys{file: "/x"}}
	change(i)
	return refused(made{issuers: []*madeIssuer{i}})
}

// refusedPolicy is refusedIssuer for a policy.
func refusedPolicy(change func(*madePolicy)) string {
	p := &madePolicy{name: "x", issuers: []string{"x"}}
	change(p)
	if p.header == "" && p.query == "" && p.cookie == "" {
		p.header = "authorization"
	}
	i := &madeIssuer{name: "x", issuer: "x", audiences: []string{"x"}, keys: adoptKeys{file: "/x"}}
	return refused(made{issuers: []*madeIssuer{i}, policies: []*madePolicy{p}})
}

func refused(m made) string {
	var b strings.Builder
	m.write(&b)
	_, err := config.Parse("x", []byte(b.String()))
	if err == nil {
		return ""
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	for range 2 { // the place, and the path
		_, first, _ = strings.Cut(first, ": ")
	}
	return first
}
