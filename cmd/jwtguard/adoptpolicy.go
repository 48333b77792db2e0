package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

// makePolicy says a need in our words. A policy has one place for tokens and one
// set of headers for all of its issuers, so that providers which differ in them
// meet each other's.
func (a *adoption) makePolicy(m *made, from *adoptPolicy) *madePolicy {
	need := from.need
	p := &madePolicy{name: from.name, missing: need.missing, shadow: need.failed, forward: true}
	remark := func(s string) { p.comment = append(p.comment, s) }
	if need.closed || len(need.takes) == 0 {
		remark("NOTHING WITH A TOKEN PASSES: what it asked for cannot be said here, see above")
		p.issuers, p.header = []string{a.nobody(m)}, "authorization"
	}
	switch {
	case need.failed:
		remark("LETS EVERY REQUEST PASS, as before; only a good token gives identity headers")
	case need.missing:
		remark("A REQUEST WITHOUT A TOKEN PASSES, as before; one with a bad token does not")
	}
	for i, t := range need.takes {
		v := t.provider
		if !slices.Contains(p.issuers, v.made.name) {
			p.issuers = append(p.issuers, v.made.name)
		}
		p.forward = p.forward && v.forward
		if i == 0 {
			p.header, p.query, p.cookie = v.header, v.query, v.cookie
			p.claimHeaders, p.payloadHeader = v.claimHeaders, v.payloadHeader
			continue
		}
		a.mergePlaces(p, from, v)
		a.mergeHeaders(p, from, v)
	}
	if p.header == "" && p.query == "" && p.cookie == "" {
		remark("no place for tokens could be carried over: authorization is a guess")
		p.header = "authorization"
	}
	if slices.ContainsFunc(need.takes, func(t adoptTake) bool { return t.provider.anywhere }) {
		remark(`query: access_token is a default place of jwt_authn; write query: "" if nobody uses it`)
	}
	a.narrow(p, need, from)
	a.subject(p, need, from)
	return p
}

// differ notes that providers of one policy meet.
func (a *adoption) differ(kind noteKind, from *adoptPolicy, what, todo string) {
	a.note(kind, from.at, fmt.Sprintf("the policy %s: %s", from.name, what), todo)
}

func (a *adoption) mergePlaces(p *madePolicy, from *adoptPolicy, v *adoptProvider) {
	if p.header == v.header && p.query == v.query && p.cookie == v.cookie {
		return
	}
	for _, x := range []struct {
		have  *string
		other string
		what  string
	}{{&p.header, v.header, "header"}, {&p.query, v.query, "query"}, {&p.cookie, v.cookie, "cookie"}} {
		switch {
		case *x.have == "":
			*x.have = x.other
		case x.other != "" && x.other != *x.have:
			a.differ(noteLost, from, fmt.Sprintf("one provider has tokens in the %s %s, another in %s: the first is taken; %s", x.what, cited(*x.have), cited(x.other), elsewhere), "give them policies of their own, by route")
		}
	}
	a.differ(noteWeaker, from, "its providers have tokens in different places: here a token of EACH of its issuers passes in all of them, which is WEAKER", "give them policies of their own, by route")
}

func (a *adoption) mergeHeaders(p *madePolicy, from *adoptPolicy, v *adoptProvider) {
	if p.payloadHeader == v.payloadHeader && slices.Equal(p.claimHeaders, v.claimHeaders) {
		return
	}
	p.claimHeaders = slices.Clone(p.claimHeaders)
	for _, h := range v.claimHeaders {
		i := slices.IndexFunc(p.claimHeaders, func(have config.ClaimHeader) bool { return have.Header == h.Header })
		switch {
		case i >= 0 && p.claimHeaders[i].Claim != h.Claim:
			a.differ(noteLost, from, fmt.Sprintf("the header %s has the claim %s of one provider and %s of another: the first is copied", cited(h.Header), cited(p.claimHeaders[i].Claim), cited(h.Claim)), "give them policies of their own, by route")
		case i >= 0:
		case len(p.claimHeaders) == maxClaimHeaders || h.Header == p.payloadHeader:
			a.differ(noteWeaker, from, fmt.Sprintf("the header %s of another provider: %s", cited(h.Header), headerLost), "give them policies of their own, by route")
		default:
			p.claimHeaders = append(p.claimHeaders, h)
		}
	}
	isClaim := slices.ContainsFunc(p.claimHeaders, func(h config.ClaimHeader) bool { return h.Header == v.payloadHeader })
	switch {
	case v.payloadHeader == "" || v.payloadHeader == p.payloadHeader:
	case p.payloadHeader == "" && !isClaim:
		p.payloadHeader = v.payloadHeader
	default:
		a.differ(noteWeaker, from, fmt.Sprintf("a second header for the payload, %s: %s", cited(v.payloadHeader), headerLost), "give them policies of their own, by route")
	}
	a.differ(noteWeaker, from, "its providers fill different headers: here a token of EACH of its issuers fills all of them, which is WEAKER if an upstream takes the header for the issuer", "give them policies of their own, by route")
}

// narrow gives the policy audiences if its issuers' are wider than what it takes.
func (a *adoption) narrow(p *madePolicy, need adoptNeed, from *adoptPolicy) {
	wanted := map[*madeIssuer]*madeIssuer{} // as far as this policy goes
	var union []string
	same, anyAudience := true, false
	for _, t := range need.takes {
		w := wanted[t.provider.made]
		if w == nil {
			w = &madeIssuer{audiences: t.audiences}
			wanted[t.provider.made] = w
		} else {
			w.widen(t.audiences)
		}
	}
	for i, w := range wanted {
		same = same && sameSet(i.audiences, w.audiences)
		anyAudience = anyAudience || len(w.audiences) == 0
	}
	if same {
		return
	}
	for _, t := range need.takes { // in the order of the file
		for _, aud := range wanted[t.provider.made].audiences {
			if !slices.Contains(union, aud) {
				union = append(union, aud)
			}
		}
	}
	if anyAudience {
		union = nil
	}
	p.audiences = union
	for i, w := range wanted {
		wider := slices.Clone(i.audiences)
		if len(union) > 0 && len(wider) == 0 {
			wider = union
		} else if len(union) > 0 {
			wider = slices.DeleteFunc(wider, func(aud string) bool { return !slices.Contains(union, aud) })
		}
		if !sameSet(wider, w.audiences) {
			a.differ(noteWeaker, from, "the audiences of its providers differ, and a policy has one list: tokens of one of its issuers pass with audiences of another, which is WEAKER", "give them policies of their own, by route")
			return
		}
	}
}

// sameSet compares lists without repetitions.
func sameSet(x, y []string) bool {
	return len(x) == len(y) && !slices.ContainsFunc(x, func(s string) bool { return !slices.Contains(y, s) })
}

// subject requires the one subject that all providers of the policy restrict
// tokens to.
func (a *adoption) subject(p *madePolicy, need adoptNeed, from *adoptPolicy) {
	var subjects []string
	for _, t := range need.takes {
		if !slices.Contains(subjects, t.provider.subject) {
			subjects = append(subjects, t.provider.subject)
		}
	}
	switch {
	case len(subjects) == 1 && subjects[0] != "":
		p.subject = subjects[0]
	case len(subjects) > 1:
		a.differ(noteWeaker, from, fmt.Sprintf("its providers restrict sub differently (%s): HERE EVERY SUBJECT PASSES, which is WEAKER", shorten(strings.Join(subjects, ", "))), "give them policies of their own, by route")
	}
}

// freeTokenHeaders has no policy look for its token in a header that any policy
// fills: that is removed from what clients send.
func (a *adoption) freeTokenHeaders(m *made) {
	filled := map[string]bool{}
	for _, p := range m.policies {
		filled[p.payloadHeader] = true
		for _, h := range p.claimHeaders {
			filled[h.Header] = true
		}
	}
	for i, p := range m.policies {
		if p.header == "" || !filled[strings.ReplaceAll(p.header, "_", "-")] {
			continue
		}
		a.differ(noteLost, a.policies[i], fmt.Sprintf("tokens come in the header %s, which a policy fills for the upstream; %s", cited(p.header), elsewhere), "choose another name for one of them")
		if p.header = ""; p.query == "" && p.cookie == "" {
			p.header = "authorization"
		}
	}
}

// nobody is the name of the issuer that has no tokens.
func (a *adoption) nobody(m *made) string {
	if !slices.ContainsFunc(m.issuers, func(i *madeIssuer) bool { return i.name == nobody }) {
		m.issuers = append(m.issuers, &madeIssuer{
			name: nobody, issuer: a.closedIssuer(m, nobody), audiences: []string{closedValue(nobody)}, optional: true,
			keys: adoptKeys{file: "/nobody/has/these/keys.json"}, comment: "NO TOKEN OF IT EXISTS: for policies that let none pass",
		})
	}
	return nobody
}
