package authz

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

const (
	// extensionPrefix marks the context extensions that are ours.
	extensionPrefix = "jwtguard."
	// policyExtension is the context extension by which a route names its policy.
	policyExtension = extensionPrefix + "policy"

	// maxDashes bounds the spellings of one identity header, 2 for each dash.
	maxDashes = 6
	// maxSpellings bounds the names in the list of headers to remove, which goes
	// out with every request that passes.
	maxSpellings = 1024
)

// snapshot is everything that a reload replaces. It never changes.
type snapshot struct {
	decider Decider
	plans   map[string]*plan
}

// plan is a policy with what its answers are made of.
type plan struct {
	*verify.Policy
	own           []string // identity headers that this policy may set
	removeForeign removal  // identity headers, all spellings, that it never sets
	removeAll     removal  // those and its own
	denials       *denials
	prepared      *prepared // shared by all plans
}

func newSnapshot(d Decider) (*snapshot, error) {
	if d == nil {
		return nil, errors.New("decider: is missing")
	}
	s, shared := &snapshot{decider: d, plans: make(map[string]*plan)}, new(prepared)
	for i, p := range d.Policies() {
		switch {
		case p == nil:
			return nil, fmt.Errorf("policies[%d]: is nil", i)
		case p.Name == "":
			return nil, fmt.Errorf("policies[%d]: has no name", i)
		case s.plans[p.Name] != nil:
			return nil, fmt.Errorf("policy %q: there are two of this name", p.Name)
		}
		own, err := ownHeaders(p)
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", p.Name, err)
		}
		s.plans[p.Name] = &plan{Policy: p, own: own, denials: newDenials(p), prepared: shared}
	}
	identity := make(map[string]bool)
	for _, p := range s.plans {
		for _, name := range p.own {
			for _, spelling := range spellings(name) {
				identity[spelling] = true
			}
		}
	}
	if len(identity) > maxSpellings {
		return nil, fmt.Errorf("claim_headers and payload_header of all policies together, each dash also as underscore, make %d names; at most %d can be removed from every request: share header names between policies, or use fewer dashes", len(identity), maxSpellings)
	}
	for _, p := range s.plans {
		p.split(identity)
	}
	return s, nil
}

// choice is what a route's context extensions say of the policy.
type choice struct {
	policy string // empty and unnamed: the route does not say
	named  bool
	odd    bool // it sets an extension of ours that does not exist
}

// add takes one context extension.
func (c *choice) add(name, value string) {
	if name == policyExtension {
		c.policy, c.named = value, true
	} else if len(name) >= len(extensionPrefix) && strings.EqualFold(name[:len(extensionPrefix)], extensionPrefix) {
		c.odd = true
	}
}

// maxAsked is how much of an unknown policy's name is told: more than people call one.
const maxAsked = 64

// asked is the name of a policy that is not configured, for the operator; empty where
// none was given, or something else was wrong.
func (c choice) asked(fixed string) string {
	name := fixed
	if c.odd {
		return ""
	} else if name == "" {
		name = c.policy
	}
	return strings.Clone(printable(name[:min(len(name), maxAsked)]))
}

// choose finds the plan for a request: the listener's policy, else the route's,
// else the default. It is nil for a name that is not configured, and wherever the
// route sets an extension of ours that does not exist: a misspelt name must not
// turn into a weaker policy.
func (s *snapshot) choose(fixed string, c choice) *plan {
	name := verify.DefaultPolicy
	switch {
	case c.odd:
		return nil
	case fixed != "":
		name = fixed
	case c.named:
		name = c.policy
	}
	return s.plans[name]
}

// ownHeaders lists the headers that a policy may set, each once.
func ownHeaders(p *verify.Policy) ([]string, error) {
	if p.Token.Header != "" && !isHeaderName(p.Token.Header) {
		return nil, fmt.Errorf("token.header: %q is not a header name in lower case", p.Token.Header)
	}
	var names []string
	add := func(place, name string) error {
		if !isHeaderName(name) || strings.Contains(name, "_") {
			return fmt.Errorf("%s: %q is not a header name in lower case without underscores", place, name)
		}
		if n := strings.Count(name, "-"); n > maxDashes {
			return fmt.Errorf("%s: %q has %d dashes; at most %d, since every spelling with underscores has to be removed too", place, name, n, maxDashes)
		}
		for _, other := range names {
			if other == name {
				return fmt.Errorf("%s: %q is set twice", place, name)
			}
		}
		names = append(names, name)
		return nil
	}
	for i, c := range p.ClaimHeaders {
		if err := add(fmt.Sprintf("claim_headers[%d].header", i), c.Header); err != nil {
			return nil, err
		}
	}
	if p.PayloadHeader != "" {
		if err := add("payload_header", p.PayloadHeader); err != nil {
			return nil, err
		}
	}
	return names, nil
}
