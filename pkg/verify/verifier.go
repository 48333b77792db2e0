package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jwtguard/jwtguard/internal/jose"
)

// Verifier decides about tokens under a fixed set of policies. It may be used by
// many goroutines at once.
type Verifier struct {
	policies []*Policy
	bound    map[*Policy]*binding
	named    map[string]*Policy
	cache    atomic.Pointer[tokenCache] // nil: none
}

// binding is a policy with what is looked up in it for every token.
type binding struct {
	*Policy
	issuers   map[string]*trust // by iss
	claims    []requirement     // RequiredClaims, by name
	keyPrefix []byte            // of this policy's tokens in the token cache
}

// requirement is a claim that must be, or hold, a value.
type requirement struct{ name, want string }

// trust is an issuer as far as one policy trusts it.
type trust struct {
	*Issuer
	audiences []string // nil: any
	types     []string // as normalType gives them
	late      *limiter // shared by all policies of the issuer
}

// DefaultPolicy is the name of the policy of requests for which nothing chooses
// another one.
const DefaultPolicy = "default"

// anyAudience in an issuer's audiences accepts every aud.
const anyAudience = "*"

// New checks the policies against each other and prepares them. What is remembered
// of accepted tokens takes cacheBytes of memory at most; 0 is no token cache. A
// Verifier is one generation of the configuration: the next one begins with an
// empty cache.
func New(policies []*Policy, cacheBytes int64) (*Verifier, error) {
	v := &Verifier{bound: map[*Policy]*binding{}, named: map[string]*Policy{}}
	late := map[*Issuer]*limiter{}
	generation := generations.Add(1)
	for _, p := range policies {
		if v.named[p.Name] != nil {
			return nil, fmt.Errorf("policies: %q stands there twice", p.Name)
		}
		b, err := bind(p, late)
		if err != nil {
			return nil, fmt.Errorf("policies: %s: %w", p.Name, err)
		}
		b.keyPrefix = keyPrefix(generation, p.Name)
		v.policies = append(v.policies, p)
		v.bound[p], v.named[p.Name] = b, p
	}
	if v.named[DefaultPolicy] == nil {
		return nil, fmt.Errorf("policies: %q is missing", DefaultPolicy)
	}
	if cacheBytes < 0 {
		return nil, fmt.Errorf("token cache: %d bytes; write 0 for none", cacheBytes)
	}
	if cacheBytes > 0 {
		c, err := newTokenCache(cacheBytes)
		if err != nil {
			return nil, err
		}
		v.cache.Store(c)
	}
	return v, nil
}

func bind(p *Policy, late map[*Issuer]*limiter) (*binding, error) {
	if len(p.Issuers) == 0 {
		return nil, errors.New("issuers: none; name the issuers whose tokens it takes")
	}
	b := &binding{Policy: p, issuers: map[string]*trust{}}
	for _, name := range slices.Sorted(maps.Keys(p.RequiredClaims)) {
		b.claims = append(b.claims, requirement{name, p.RequiredClaims[name]})
	}
	for _, i := range p.Issuers {
		if b.issuers[i.ID] != nil {
			return nil, fmt.Errorf("issuers: %s stands there twice", i.ID)
		}
		if late[i] == nil {
			late[i] = new(limiter)
		}
		t := &trust{Issuer: i, late: late[i]}
		switch {
		case !slices.Contains(i.Audiences, anyAudience):
			t.audiences = slices.Clone(i.Audiences)
			if len(p.Audiences) > 0 {
				t.audiences = slices.DeleteFunc(t.audiences, func(a string) bool { return !slices.Contains(p.Audiences, a) })
			}
			if len(t.audiences) == 0 {
				return nil, fmt.Errorf("audiences: none of them is an audience of the issuer %s, so that no token of it could pass", i.Name)
			}
		case len(p.Audiences) > 0:
			t.audiences = slices.Clone(p.Audiences)
		}
		for _, typ := range i.Types {
			t.types = append(t.types, normalType(typ))
		}
		b.issuers[i.ID] = t
	}
	return b, nil
}

// normalType makes typ values comparable: case does not count, nor does a
// leading application/ (RFC 7515, section 4.1.9).
func normalType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}

// Policy finds a policy by its name; nil if there is none.
func (v *Verifier) Policy(name string) *Policy { return v.named[name] }

// Policies lists all policies; not to be changed.
func (v *Verifier) Policies() []*Policy { return v.policies }

// Decide judges one token under a policy of this Verifier at one instant: steps
// 2 to 12 of the contract, section 4. It loads the issuer's key set once. Whether
// the token was seen before changes nothing but [Decision.Cache], and that the
// signature of a late token is known without a check.
func (v *Verifier) Decide(p *Policy, token string, now Instant) Decision {
	return decide(v, p, token, now, nil)
}

// DecideBytes is [Verifier.Decide] for a token that is not a string yet. It keeps
// nothing of token, and does not copy one that is in the token cache. The headers of
// the decision are appended to room.
func (v *Verifier) DecideBytes(p *Policy, token []byte, now Instant, room []HeaderValue) Decision {
	return decide(v, p, token, now, room)
}

func decide[T string | []byte](v *Verifier, p *Policy, token T, now Instant, room []HeaderValue) Decision {
	b := v.bound[p]
	// Step 2 comes first: what is too large is not even hashed.
	if c := v.cache.Load(); c != nil && len(token) <= jose.MaxTokenSize {
		return decideBy(c, b, token, now, room)
	}
	j := begin(b, string(token), now, room)
	j.run()
	return j.d
}

func begin(b *binding, token string, now Instant, room []HeaderValue) *judge {
	return &judge{binding: b, now: now, raw: token, room: room, d: Decision{Policy: b.Policy, At: now}}
}

// CacheSize is how much the token cache holds.
type CacheSize struct {
	Entries int    // tokens
	Bytes   uint64 // of memory
}

// CacheSize measures the token cache; ok is false if there is none.
func (v *Verifier) CacheSize() (size CacheSize, ok bool) {
	c := v.cache.Load()
	if c == nil {
		return CacheSize{}, false
	}
	return c.size(), true
}

// DropCache lets go of the token cache, of a Verifier that another one has
// replaced: a request that is still under way would else hold its memory, and fill
// it further. Decisions go on without it.
func (v *Verifier) DropCache() { v.cache.Store(nil) }

// Refuse is the decision for what is refused without a token being judged:
// policy_unknown (p is nil then), token_missing (which allow_missing turns into
// missing_allowed), multiple_credentials, overloaded, internal_error.
func Refuse(p *Policy, r Reason, detail string) Decision {
	if r == TokenMissing && p != nil && p.AllowMissing {
		r, detail = MissingAllowed, ""
	}
	if r == OK {
		r = InternalError // nobody's token was judged, so nobody's was good
	}
	d := Decision{Policy: p, Detail: detail}
	d.conclude(r)
	return d
}

// conclude sets the reason and, with it, the verdict: the only place that does.
func (d *Decision) conclude(r Reason) {
	d.Reason = r
	switch {
	case r == OK || r == MissingAllowed:
		d.Verdict = Allow
	case d.Policy != nil && d.Policy.Shadow:
		d.Verdict = ShadowDeny
	default:
		d.Verdict = Deny
	}
}
