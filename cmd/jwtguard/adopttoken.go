package main

import (
	"fmt"
	"strings"

	"github.com/jwtguard/jwtguard/internal/config"
)

// elsewhere is what follows from a place for tokens that is not looked at.
const elsewhere = "a token there is not seen, and the request counts as one without a token"

// headerLost is what follows from an identity header that the guard does not know.
const headerLost = "the header is not set, and what clients send in it is NOT REMOVED"

// fromHeader is one header that tokens come in: JwtHeader of both APIs, which
// name the prefix differently.
func (a *adoption) fromHeader(v *adoptProvider, p place, prefixName string) {
	var name, prefix string
	readOptions(a, p, &name, options[*string]{
		"name":     func(a *adoption, name *string, p place) { *name = strings.ToLower(a.text(p)) },
		prefixName: func(a *adoption, _ *string, p place) { prefix = a.text(p) },
	})
	switch bearer := strings.EqualFold(strings.TrimSpace(prefix), "bearer"); {
	case name == "":
		a.mistake(p, "needs a name")
	case name == "authorization" && !bearer:
		a.note(noteLost, p, fmt.Sprintf("authorization with the prefix %s: only Bearer is taken there (RFC 6750); %s", cited(prefix), elsewhere), "send the token as Authorization: Bearer, or in a header of its own")
	case prefix != "" && !bearer:
		a.note(noteLost, p, fmt.Sprintf("the prefix %s: in a header of its own a token is bare, or after Bearer; %s", cited(prefix), elsewhere), "send it so")
	case v.header == name:
	case v.header != "":
		a.note(noteLost, p, fmt.Sprintf("a second header, %s: a policy takes tokens from one; %s", cited(name), elsewhere), "give routes with the other header a policy of their own")
	default:
		if complaint := refusedPolicy(func(p *madePolicy) { p.header = name }); complaint != "" {
			a.note(noteLost, p, complaint+"; "+elsewhere, "")
			return
		}
		v.header = name
	}
}

// fromNames takes the first of several query parameters or cookies.
func (a *adoption) fromNames(p place, into *string, what string) {
	a.each(p, func(p place) {
		name := a.text(p)
		switch {
		case name == "" || name == *into:
		case *into != "":
			a.note(noteLost, p, fmt.Sprintf("a second %s, %s: a policy takes tokens from one; %s", what, cited(name), elsewhere), "give routes with the other one a policy of their own")
		default:
			complaint := refusedPolicy(func(p *madePolicy) {
				if what == "query" {
					p.query = name
				} else {
					p.cookie = name
				}
			})
			if complaint != "" {
				a.note(noteLost, p, complaint+"; "+elsewhere, "")
				return
			}
			*into = name
		}
	})
}

func (a *adoption) payloadHeader(v *adoptProvider, p place) {
	name := strings.ToLower(a.text(p))
	if complaint := refusedPolicy(func(p *madePolicy) { p.payloadHeader, p.claimHeaders = name, v.claimHeaders }); complaint != "" {
		a.note(noteWeaker, p, complaint+"; "+headerLost, "choose another name, in the upstream too, and remove the old one in Envoy (request_headers_to_remove)")
		return
	}
	v.payloadHeader = name
}

// claimToHeader is one claim that is copied to a header; the names of its two
// fields are given.
func (a *adoption) claimToHeader(v *adoptProvider, p place, headerName, claimName string) {
	var h config.ClaimHeader
	var path []string
	known := options[*config.ClaimHeader]{
		headerName: func(a *adoption, h *config.ClaimHeader, p place) { h.Header = strings.ToLower(a.text(p)) },
		claimName:  func(a *adoption, h *config.ClaimHeader, p place) { h.Claim = a.text(p) },
	}
	if claimName == "claim_name" {
		known["claim_path"] = func(a *adoption, _ *config.ClaimHeader, p place) {
			a.each(p, func(p place) {
				readOptions(a, p, &path, options[*[]string]{
					"key": func(a *adoption, path *[]string, p place) { *path = append(*path, a.text(p)) },
				})
			})
		}
	}
	readOptions(a, p, &h, known)
	nested := strings.Contains(h.Claim, ".") || len(path) > 1
	if len(path) == 1 {
		h.Claim = path[0] // a name with dots is one name here, too
	}
	switch {
	case h.Header == "" || h.Claim == "" && !nested:
		a.mistake(p, "needs %s and %s", headerName, claimName)
	case nested:
		a.note(noteWeaker, p, fmt.Sprintf("the header %s: only claims at the top of the payload are copied; %s", cited(h.Header), headerLost), "use payload_header, and remove the header in Envoy (request_headers_to_remove)")
	case len(v.claimHeaders) == maxClaimHeaders:
		a.note(noteWeaker, p, fmt.Sprintf("the header %s: %d claims are copied at most; %s", cited(h.Header), maxClaimHeaders, headerLost), "use payload_header, and remove the header in Envoy (request_headers_to_remove)")
	default:
		try := append(v.claimHeaders[:len(v.claimHeaders):len(v.claimHeaders)], h)
		if complaint := refusedPolicy(func(p *madePolicy) { p.claimHeaders, p.payloadHeader = try, v.payloadHeader }); complaint != "" {
			a.note(noteWeaker, p, complaint+"; "+headerLost, "choose another name, in the upstream too, and remove the old one in Envoy (request_headers_to_remove)")
			return
		}
		v.claimHeaders = try
	}
}

// maxClaimHeaders is what a policy of ours takes.
const maxClaimHeaders = 16
