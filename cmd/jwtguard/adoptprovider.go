package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
)

// adoptProvider is one JwtProvider of Envoy, or one JWTRule of Istio.
type adoptProvider struct {
	name string
	at   place

	issuer      string
	audiences   []string // empty: any
	subject     string   // the only one that passes; empty: any
	maxLifetime time.Duration
	clockSkew   time.Duration // 0: the default, 60 s on both sides
	keys        adoptKeys

	anywhere              bool // no place is named for the token: the default ones
	header, query, cookie string
	forward               bool
	claimHeaders          []config.ClaimHeader
	payloadHeader         string

	// closed is why no token of it may pass: what could not be carried over would
	// otherwise leave it more open than it was.
	closed string

	made *madeIssuer
}

// adoptKeys is where keys come from; nothing set is discovery.
type adoptKeys struct {
	uri, file, inline string
	insecure          bool // plain http
	interval, timeout time.Duration
}

// source is what makes two sources of keys the same.
func (k adoptKeys) source() string { return k.uri + "\n" + k.file + "\n" + k.inline }

// envoyProvider reads a JwtProvider.
func (a *adoption) envoyProvider(name string, p place) *adoptProvider {
	v := &adoptProvider{name: name, at: p}
	readOptions(a, p, v, providerOptions)
	remote, local := option(p.Node, "remote_jwks"), option(p.Node, "local_jwks")
	if v.keys.source() == (adoptKeys{}).source() {
		v.close("its keys cannot be written") // discovery would be a source that nobody chose
	}
	switch {
	case remote != nil && local != nil:
		a.mistake(p, "remote_jwks and local_jwks are both set: keep one")
	case remote != nil && (option(remote, "http_uri") == nil || option(option(remote, "http_uri"), "uri") == nil):
		a.mistake(p, "remote_jwks has no http_uri with a uri")
	case remote == nil && local == nil:
		a.note(noteLost, p, "the provider has neither remote_jwks nor local_jwks: nothing could be verified", "set jwks of its issuer")
	}
	if option(p.Node, "issuer") == nil {
		v.close("it names no issuer")
		a.note(noteLost, p, "the provider has no issuer, so that any iss passed; here keys belong to one exact iss value", "write the iss of its tokens into issuer; no token passes until then")
	}
	v.places()
	a.audiences(v)
	return v
}

// close makes sure that no token of the provider passes. The first reason stays.
func (v *adoptProvider) close(why string) {
	if v.closed == "" {
		v.closed = why
	}
}

// places fills in where a token is looked for if nothing is said.
func (v *adoptProvider) places() {
	if option(v.at.Node, "from_headers") == nil && option(v.at.Node, "from_params") == nil && option(v.at.Node, "from_cookies") == nil {
		v.anywhere, v.header, v.query = true, "authorization", "access_token"
	}
}

// audiences looks at audiences that mean something else here.
func (a *adoption) audiences(v *adoptProvider) {
	if len(v.audiences) == 0 {
		a.note(noteDiffers, v.at, `no audiences: any passes, as before, and even so a token must have aud here`, "name the audiences that tokens for this service carry")
		return
	}
	kept := a.ownAudiences(v.at, v.audiences)
	if len(kept) == 0 {
		v.close("none of its audiences can be written")
		kept = []string{closedValue(v.name)}
	}
	v.audiences = kept
}

// ownAudiences are those of the list that can be written, each once.
func (a *adoption) ownAudiences(p place, list []string) (kept []string) {
	seen := map[string]bool{}
	for _, aud := range list {
		complaint := ""
		if aud == config.AnyAudience {
			complaint = "* alone means any audience here"
		} else if !seen[aud] {
			complaint = refusedIssuer(func(i *madeIssuer) { i.audiences = []string{aud} })
		}
		switch {
		case complaint != "":
			a.note(noteLost, p, fmt.Sprintf("the audience %s: %s", cited(aud), complaint), "")
		case !seen[aud]:
			seen[aud] = true
			kept = append(kept, aud)
			if strings.HasPrefix(aud, "http://") || strings.HasPrefix(aud, "https://") || strings.HasSuffix(aud, "/") {
				a.note(noteDiffers, p, fmt.Sprintf("the audience %s is compared exactly, not without its scheme and a slash at its end", cited(aud)), "check what stands in aud of the tokens")
			}
		}
	}
	return kept
}

// providerOptions is what becomes of each option of a JwtProvider.
var providerOptions = options[*adoptProvider]{
	"issuer": func(a *adoption, v *adoptProvider, p place) { a.issuer(v, p) },
	"audiences": func(a *adoption, v *adoptProvider, p place) {
		v.audiences = a.texts(p)
	},
	"subjects":           func(a *adoption, v *adoptProvider, p place) { a.subjects(v, p) },
	"require_expiration": func(a *adoption, _ *adoptProvider, p place) { a.boolean(p) }, // exp is always required
	"max_lifetime": func(a *adoption, v *adoptProvider, p place) {
		// 0 would be unbounded here, and lets nothing pass there.
		v.maxLifetime = max(time.Second, a.duration(p))
		a.note(noteDiffers, p, "bounds exp - iat, the whole life of a token, and iat is required; before it was what is left of it, so that old tokens of a longer life passed", "")
	},
	"remote_jwks": func(a *adoption, v *adoptProvider, p place) { readOptions(a, p, v, remoteOptions) },
	"local_jwks":  func(a *adoption, v *adoptProvider, p place) { a.localKeys(v, p) },
	"forward":     func(a *adoption, v *adoptProvider, p place) { v.forward = a.boolean(p) },
	"from_headers": func(a *adoption, v *adoptProvider, p place) {
		a.each(p, func(p place) { a.fromHeader(v, p, "value_prefix") })
	},
	"from_params": func(a *adoption, v *adoptProvider, p place) { a.fromNames(p, &v.query, "query") },
	"from_cookies": func(a *adoption, v *adoptProvider, p place) {
		a.fromNames(p, &v.cookie, "cookie")
	},
	"forward_payload_header": func(a *adoption, v *adoptProvider, p place) { a.payloadHeader(v, p) },
	"pad_forward_payload_header": func(a *adoption, _ *adoptProvider, p place) {
		if a.boolean(p) {
			a.note(noteLost, p, "payload_header has no padding (base64url, as in the token)", "let the upstream decode it without padding")
		}
	},
	"payload_in_metadata": func(a *adoption, _ *adoptProvider, p place) {
		a.note(noteLost, p, "the payload is not put into dynamic metadata: what reads it there (RBAC, rate limits, access logs, routes) finds nothing and may then LET MORE PASS", "copy the claims that it reads to headers with claim_headers, and match those")
	},
	"normalize_payload_in_metadata": func(a *adoption, _ *adoptProvider, p place) {
		readOptions(a, p, &struct{}{}, options[*struct{}]{"space_delimited_claims": func(a *adoption, _ *struct{}, p place) { a.texts(p) }})
		a.note(noteLost, p, "the payload is not put into dynamic metadata", "scopes are split at spaces where they are required: use required_scopes")
	},
	"header_in_metadata": func(a *adoption, _ *adoptProvider, p place) {
		a.note(noteLost, p, "the token's header is not put into dynamic metadata", "read kid and alg of the key that was used, in the namespace envoy.filters.http.ext_authz")
	},
	"failed_status_in_metadata": func(a *adoption, _ *adoptProvider, p place) {
		a.note(noteLost, p, "the status has another name", "read reason in the namespace envoy.filters.http.ext_authz; it is there on allow and on deny")
	},
	"clock_skew_seconds": func(a *adoption, v *adoptProvider, p place) {
		v.clockSkew = time.Duration(a.number(p)) * time.Second
		if v.clockSkew > config.MaxClockSkew {
			a.note(noteDiffers, p, "more than a day is cut to one: the guard takes no more", "")
			v.clockSkew = config.MaxClockSkew
		}
	},
	"jwt_cache_config": func(a *adoption, _ *adoptProvider, p place) {
		readOptions(a, p, &struct{}{}, options[*struct{}]{
			"jwt_cache_size":     func(a *adoption, _ *struct{}, p place) { a.number(p) },
			"jwt_max_token_size": func(a *adoption, _ *struct{}, p place) { a.number(p) },
		})
		a.note(noteDiffers, p, "one cache for all issuers, token_cache, bounded in bytes; a key that goes out of service goes at once, whatever is cached", "")
	},
	"claim_to_headers": func(a *adoption, v *adoptProvider, p place) {
		a.each(p, func(p place) { a.claimToHeader(v, p, "header_name", "claim_name") })
	},
	"clear_route_cache": func(a *adoption, _ *adoptProvider, p place) {
		if a.boolean(p) {
			a.note(noteLost, p, "routes are not chosen anew: the route has chosen the policy already", "set clear_route_cache of the ext_authz filter if routes match on claim headers, and give all of these routes the same policy")
		}
	},
}

func (a *adoption) issuer(v *adoptProvider, p place) {
	s := a.text(p)
	if complaint := refusedIssuer(func(i *madeIssuer) { i.issuer = s }); complaint != "" && s != "" {
		v.close("its issuer cannot be written")
		a.note(noteLost, p, complaint, "no token of this provider passes")
		s = ""
	}
	v.issuer = s
}

// subjects is a StringMatcher.
func (a *adoption) subjects(v *adoptProvider, p place) {
	exact := ""
	readOptions(a, p, &exact, options[*string]{
		"exact":  func(a *adoption, exact *string, p place) { *exact = a.text(p) },
		"prefix": anyText, "suffix": anyText, "contains": anyText,
		"safe_regex": anything, "custom": anything,
		"ignore_case": func(a *adoption, _ *string, p place) {
			if a.boolean(p) {
				a.note(noteDiffers, p, "compared exactly", "")
			}
		},
	})
	if exact == "" {
		a.note(noteWeaker, p, "WEAKER: EVERY SUBJECT of this issuer passes; only one exact value of a claim can be required", "keep a filter behind ext_authz that matches the subject: copy it with claim_headers and let RBAC match the header")
		return
	}
	if complaint := refusedPolicy(func(p *madePolicy) { p.subject = exact }); complaint != "" {
		v.close("its subject cannot be written")
		a.note(noteLost, p, complaint, "no token of this provider passes")
	}
	v.subject = exact
}

func anyText(a *adoption, _ *string, p place) { a.text(p) }

func anything(*adoption, *string, place) {}
