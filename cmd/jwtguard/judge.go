package main

import (
	"time"

	"github.com/jwtguard/jwtguard/internal/config"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// noKeys is the key set of issuers whose keys were not fetched.
type noKeys struct{}

var emptySet = keyset.New(keyset.Params{})

func (noKeys) Set() *keyset.Set { return emptySet }

// explain judges the token: first without any keys and, if it gets as far as
// needing one, by those that its issuer lists. A zero at
// means the present instant.
func explain(c *config.Config, policy, token string, at time.Time) (*explanation, error) {
	var wall func() time.Time
	if !at.IsZero() {
		wall = func() time.Time { return at }
	}
	clock := jwkscache.NewClock(wall, time.Time{})
	v, err := newVerifier(c, func(string) verify.Keys { return noKeys{} })
	if err != nil {
		return nil, err
	}
	d, steps := v.Explain(v.Policy(policy), token, clock.Now())
	if d.Refresh != verify.AwaitRefresh {
		return newExplanation(d, steps), nil
	}
	issuer := issuerNamed(c, d.Issuer.Name)
	cache, stop, err := fetchKeys(clock, issuer)
	if err != nil {
		return nil, err
	}
	defer stop()
	v, err = newVerifier(c, func(iss string) verify.Keys {
		if iss == issuer.Issuer {
			return cache
		}
		return noKeys{}
	})
	if err != nil {
		return nil, err
	}
	d, steps = v.Explain(v.Policy(policy), token, clock.Now())
	e := newExplanation(d, steps)
	e.Fetch = fetchText(cache, d.At)
	if d.Reason == verify.KeysUnavailable {
		e.Detail = "the issuer's keys cannot be fetched; see its JWKS below"
	}
	view := askGuard(c, issuer.Name, kidOf(token), time.Now())
	e.Guard, e.GuardState = view.text, view.state
	if at.IsZero() {
		e.yield(d.Policy, view)
	}
	return e, nil
}

func issuerNamed(c *config.Config, name string) *config.Issuer {
	for i := range c.Issuers {
		if c.Issuers[i].Name == name {
			return &c.Issuers[i]
		}
	}
	return nil // not reached: the verifier was made of these
}

// kidOf is the kid that the token names; empty if there is none.
func kidOf(token string) string {
	t, err := jose.Read(token)
	if err != nil {
		return ""
	}
	v, _ := t.Header.Get("kid")
	kid, _ := v.String()
	return kid
}
