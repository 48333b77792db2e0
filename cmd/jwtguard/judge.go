package main

import (
	"slices"
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
	by := func(keys verify.Keys, now verify.Instant) error {
		v, err := newVerifier(c, func(iss string) verify.Keys {
			if iss == issuer.Issuer {
				return keys
			}
			return noKeys{}
		})
		if err == nil {
			d, steps = v.Explain(v.Policy(policy), token, now)
		}
		return err
	}
	if err := by(cache, clock.Now()); err != nil {
		return nil, err
	}
	fetch, fetched := fetchText(cache, d.At), d.Reason
	thumbprint := ""
	if d.Key != nil {
		thumbprint = d.Key.Thumbprint
	}
	view := askGuard(c, issuer.Name, kidOf(token), thumbprint, time.Now())
	if set := withGrace(cache.Set(), d, view); set != nil && at.IsZero() {
		if err := by(fixedKeys{set}, d.At); err != nil {
			return nil, err
		}
	}
	e := newExplanation(d, steps)
	e.Fetch, e.Guard, e.GuardState = fetch, view.text, view.State
	if d.Reason == verify.KeysUnavailable {
		e.Detail = "the issuer's keys cannot be fetched; see its JWKS below"
	}
	if d.Reason != fetched {
		e.Fetched = fetched
	}
	if at.IsZero() {
		e.yield(d, view, token)
	}
	return e, nil
}

// fixedKeys are keys that stay as they are.
type fixedKeys struct{ set *keyset.Set }

func (k fixedKeys) Set() *keyset.Set { return k.set }

// withGrace is what was fetched, with the key of the decision in grace as the running
// guard has it: since when, and until when, does not stand in the issuer's document.
// It is nil where the guard does not have that very key in grace, or the document or
// the configuration is stricter.
func withGrace(fetched *keyset.Set, d verify.Decision, view guardView) *keyset.Set {
	if d.Key == nil || !view.inGrace() || view.Thumbprint != d.Key.Thumbprint || d.State == keyset.Pending || d.State == keyset.Revoked {
		return nil
	}
	k := *d.Key
	k.Departure = keyset.Departure{LeftAt: *view.GraceFrom, GraceFrom: *view.GraceFrom, Confirmed: true}
	// The guard has the last word on whether the grace is over: its lifecycle time
	// may be behind this machine's wall clock.
	if view.RetiresAt != nil && view.RetiresAt.After(d.At.Wall) {
		k.GraceUntil = *view.RetiresAt
	}
	// An order of the configuration gives a key that is first seen here no grace.
	k.Final, k.RetiredAt, k.OrderedUntil = false, time.Time{}, time.Time{}
	keys := slices.Clone(fetched.Keys())
	keys[slices.Index(keys, d.Key)] = &k
	return keyset.Restore(fetched.Observed(), keys)
}

func issuerNamed(c *config.Config, name string) *config.Issuer {
	for i := range c.Issuers {
		if c.Issuers[i].Name == name {
			return &c.Issuers[i]
		}
	}
	return nil // not reached: the verifier was made of these
}

// issuedLater tells whether step 11 refuses a token whose key was withdrawn at t: its
// iat is later, or missing.
func issuedLater(token string, t time.Time, skew time.Duration) bool {
	read, err := jose.Read(token)
	if err != nil {
		return false // not reached: it stops before a key is needed
	}
	v, _ := read.Claims.Get("iat")
	iat, ok := v.NumericDate()
	return !ok || verify.IssuedAfter(iat, t, skew)
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
