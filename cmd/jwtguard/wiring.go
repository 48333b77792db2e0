package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// This file maps the configuration file to what the packages take. It decides
// nothing.

func cacheConfigs(c *config.Config) []jwkscache.Config {
	all := make([]jwkscache.Config, 0, len(c.Issuers))
	for i := range c.Issuers {
		all = append(all, cacheConfig(&c.Issuers[i]))
	}
	return all
}

func cacheConfig(i *config.Issuer) jwkscache.Config {
	source := jwkscache.Source{
		URI: i.JWKS.URI, File: i.JWKS.File, Inline: i.JWKS.Inline,
		Timeout: i.JWKS.Timeout, CAFile: i.JWKS.CAFile, AllowInsecureHTTP: i.JWKS.AllowInsecureHTTP,
	}
	if i.JWKS.Discovery {
		source.Discovery = i.Issuer
	}
	params := keyset.Params{
		Interval: i.JWKS.Interval, MaxStale: i.JWKS.MaxStale,
		Grace: i.Keys.Grace, RemovalConfirm: i.Keys.RemovalConfirm, ActivationDelay: i.Keys.ActivationDelay,
		ReplaceReused: i.Keys.KidReuse == config.KidReuseReplace,
		Fits:          func(k *keyset.Key) bool { return len(verify.AlgorithmsOf(k, i.Algorithms)) > 0 },
	}
	if i.JWKS.Inline != nil {
		params.MaxStale = 0 // what stands in the configuration does not age
	}
	return jwkscache.Config{
		Name: i.Name, Issuer: i.Issuer, Source: source, Params: params,
		Cooldown: i.JWKS.UnknownKidCooldown, Wait: i.JWKS.UnknownKidWait,
		Orders: orders(i),
	}
}

// configActor is who orders what stands in the configuration.
const configActor = "configuration"

func orders(i *config.Issuer) []keyset.Order {
	var all []keyset.Order
	add := func(action keyset.Action, lines []config.Tombstone) {
		for _, t := range lines {
			all = append(all, keyset.Order{
				Action: action, Kid: t.Kid, Thumbprint: t.Thumbprint,
				At: t.At, Grace: t.Grace, Reason: t.Reason, Actor: configActor,
			})
		}
	}
	add(keyset.Revoke, i.Keys.Revoked)
	add(keyset.Retire, i.Keys.Retired)
	add(keyset.Reinstate, i.Keys.Reinstated)
	return all
}

// newVerifier makes the verifier of a configuration. keys gives the key set of an
// issuer by its iss value.
func newVerifier(c *config.Config, keys func(iss string) verify.Keys) (*verify.Verifier, error) {
	issuers := map[string]*verify.Issuer{}
	for _, i := range c.Issuers {
		issuers[i.Name] = &verify.Issuer{
			Name: i.Name, ID: i.Issuer, Audiences: i.Audiences, Algorithms: i.Algorithms, Types: i.Types,
			MaxLifetime: i.MaxLifetime, ClockSkew: i.ClockSkew, Keys: keys(i.Issuer),
		}
	}
	var policies []*verify.Policy
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		policies = append(policies, policy(name, c.Policies[name], issuers))
	}
	v, err := verify.New(policies, c.TokenCache.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return v, nil
}

func policy(name string, p config.Policy, issuers map[string]*verify.Issuer) *verify.Policy {
	out := &verify.Policy{
		Name: name, Shadow: p.Mode == config.ModeShadow, Audiences: p.Audiences, AllowMissing: p.AllowMissing,
		Token:         verify.TokenSource{Header: p.Token.Header, Query: p.Token.Query, Cookie: p.Token.Cookie, Forward: p.Token.Forward},
		PayloadHeader: p.PayloadHeader, RequiredScopes: p.RequiredScopes, RequiredClaims: p.RequiredClaims,
		Realm: p.Realm, ResourceMetadata: p.ResourceMetadata,
	}
	for _, name := range p.Issuers {
		out.Issuers = append(out.Issuers, issuers[name])
	}
	for _, h := range p.ClaimHeaders {
		out.ClaimHeaders = append(out.ClaimHeaders, verify.ClaimHeader{Claim: h.Claim, Header: h.Header})
	}
	return out
}
