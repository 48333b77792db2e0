package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// roomy is a bound that no test of rules comes near to.
const roomy = 1 << 20

// hot is a Verifier that remembers tokens, beside one that does not: what the cache
// has no part in must be the same.
type hot struct {
	t     testing.TB
	keys  *holder
	v     *Verifier
	plain *Verifier
}

func newHot(t testing.TB, keys *holder, policies ...*Policy) *hot {
	t.Helper()
	return &hot{t, keys, must(New(policies, roomy)), must(New(policies, 0))}
}

// heated is the scene's Verifier after the scene's token was accepted, and the token.
func (s *scene) heated(t testing.TB) (h *hot, p *Policy, token string) {
	t.Helper()
	issuer, policy, keys := s.issuer, s.policy, holding(s.set)
	issuer.Keys = keys
	policy.Issuers = []*Issuer{&issuer}
	h, token = newHot(t, keys, &policy), s.token()
	h.expect(&policy, token, s.now, OK, CacheMiss)
	return h, &policy, token
}

// expect judges a token and wants a reason and a use of the cache, and that nothing
// else differs from what is decided without one.
func (h *hot) expect(p *Policy, token string, now Instant, want Reason, use CacheUse) Decision {
	h.t.Helper()
	bytes := []byte(token)
	d, plain := h.v.DecideBytes(p, bytes, now, nil), h.plain.Decide(p, token, now)
	clear(bytes) // whatever was kept of them is wrong now
	if d.Reason != want || d.Cache != use {
		h.t.Errorf("%s (%s), cache use %d; want %s, %d", d.Reason, d.Detail, d.Cache, want, use)
	}
	if plain.Cache != NoCache {
		h.t.Errorf("cache use %d without a cache", plain.Cache)
	}
	plain.Cache = d.Cache
	if diff := cmp.Diff(plain, d, samePointers); diff != "" {
		h.t.Errorf("(-without a cache +with one)\n%s", diff)
	}
	return d
}

func (h *hot) entries() int {
	size, _ := h.v.CacheSize()
	return size.Entries
}

func TestTokenSeenBefore(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"plain": func(*scene) {},
		"claim headers": func(s *scene) {
			s.policy.ClaimHeaders = []ClaimHeader{{"sub", "x-sub"}, {"scope", "x-scope"}, {"none", "x-none"}}
		},
		"payload header": func(s *scene) { s.policy.PayloadHeader = "x-payload" },
		"both": func(s *scene) {
			s.policy.ClaimHeaders = []ClaimHeader{{"sub", "x-sub"}}
			s.policy.PayloadHeader = "x-payload"
		},
		"payload too big": func(s *scene) { s.claims["pad"] = strings.Repeat("x", 3500); s.policy.PayloadHeader = "x-payload" },
		"without iat":     func(s *scene) { s.claims = s.claims.without("iat"); s.issuer.MaxLifetime = 0 },
		"shadow":          func(s *scene) { s.policy.Shadow = true },
		"any audience":    func(s *scene) { s.issuer.Audiences = []string{"*"} },
		"within skew":     claim("exp", noon.Unix()),
		"in grace":        keys(withdrawn()),
	} {
		t.Run(name, func(t *testing.T) {
			s := goodScene()
			change(s)
			h, p, token := s.heated(t)
			for range 3 {
				h.expect(p, token, s.now, OK, CacheHit)
			}
			if h.entries() != 1 {
				t.Errorf("%d entries", h.entries())
			}
		})
	}
}

// What is in a Decision belongs to whoever got it: what becomes of its headers must not
// show in the next.
func TestHeadersOfOneDecisionDoNotReachTheNext(t *testing.T) {
	s := goodScene()
	s.policy.ClaimHeaders, s.policy.PayloadHeader = []ClaimHeader{{"sub", "x-sub"}, {"none", "x-none"}}, "x-payload"
	h, p, token := s.heated(t)
	for range 2 {
		d := h.expect(p, token, s.now, OK, CacheHit)
		_ = append(d.Headers, HeaderValue{"x-evil", "1"})
		d.Headers[0].Value, d.Headers[1].Value = "mallory", "another token's payload"
	}
}

// What changes around a token that was accepted, and what becomes of it then. It is
// the attack on every token cache: to be let through by what was true once.
func TestNothingIsTrueForEver(t *testing.T) {
	revoke := func(s *keyset.Set) *keyset.Set {
		return ordered(s, 0, keyset.Order{Action: keyset.Revoke, Kid: "ec"})
	}
	retire := func(s *keyset.Set) *keyset.Set {
		return ordered(s, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"})
	}
	swap := func(to *keyset.Set) func(*keyset.Set) *keyset.Set {
		return func(*keyset.Set) *keyset.Set { return to }
	}
	same := func(s *keyset.Set) *keyset.Set { return s }
	ec := func(more ...any) *keyset.Set { return observed(-time.Minute, jwk("ec", p256Key(), more...)) }
	back := Instant{Wall: noon.Add(-40 * time.Minute), Life: noon}

	for _, tt := range []struct {
		name  string
		spoil func(*scene) // before the token is accepted
		set   func(*keyset.Set) *keyset.Set
		now   Instant
		want  Reason
		use   CacheUse
		left  int // entries
	}{
		{"nothing", nil, same, at(time.Second), OK, CacheHit, 1},
		{"another observation", nil, swap(observed(0, published()...)), at(0), OK, CacheHit, 1},

		{"the key is revoked", nil, revoke, at(0), KeyRevoked, CacheHit, 0},
		{"the key is retired", nil, retire, at(0), KeyRetired, CacheHit, 0},
		{"the key's nbf lies ahead", nil, swap(ec("alg", "ES256", "nbf", noon.Add(time.Hour).Unix())), at(0), KeyPending, CacheHit, 1},
		{"the key's exp passed", nil, swap(ec("alg", "ES256", "exp", noon.Unix())), at(0), KeyRetired, CacheHit, 0},
		{"grace, issued before", nil, swap(withdrawn()), at(0), OK, CacheHit, 1},
		{"grace, issued after", claim("iat", noon.Add(-8*time.Minute).Unix()), swap(withdrawn()), at(0), IssuedAfterWithdrawal, CacheHit, 1},
		{"grace, without iat", func(s *scene) { s.claims = s.claims.without("iat"); s.issuer.MaxLifetime = 0 }, swap(withdrawn()), at(0), IssuedAfterWithdrawal, CacheHit, 1},
		{"grace is over", claim("exp", noon.Add(2*time.Hour).Unix()), swap(withdrawn()), at(51 * time.Minute), KeyRetired, CacheHit, 0},

		{"the keys are forgotten", nil, swap(keyset.New(params)), at(0), KeysUnavailable, CacheHit, 1},
		{"the keys are stale", nil, swap(observed(-2*time.Hour, published()...)), at(0), KeysStale, CacheHit, 1},
		{"the keys grow stale", claim("exp", noon.Add(2*time.Hour).Unix()), same, at(61 * time.Minute), KeysStale, CacheHit, 1},
		{"the kid is unknown", nil, swap(observed(-time.Minute, published()[1:]...)), at(0), KidUnknown, CacheHit, 1},
		{"the kid is unknown, and fetches fail", nil, swap(observed(-time.Minute, published()[1:]...).WithFailure()), at(0), KeysUnavailable, CacheHit, 1},

		{"the kid has other material", nil, swap(observed(-time.Minute, jwk("ec", otherKey(), "alg", "ES256"))), at(0), SignatureInvalid, CacheMiss, 0},
		{"the kid has a key of another type", nil, swap(observed(-time.Minute, jwk("ec", rsaKey()))), at(0), AlgMismatch, CacheMiss, 0},
		{"the kid has other material, revoked", nil, swap(ordered(observed(-time.Minute, jwk("ec", otherKey())), 0, keyset.Order{Action: keyset.Revoke, Kid: "ec"})), at(0), KeyRevoked, CacheMiss, 0},
		{"the kid was never seen, and is revoked", nil, swap(ordered(keyset.New(params), 0, keyset.Order{Action: keyset.Revoke, Kid: "ec"})), at(0), KeyRevoked, CacheMiss, 0},
		{"the material was never seen, and is revoked", func(s *scene) { s.set = ec() }, func(was *keyset.Set) *keyset.Set {
			key, _ := was.Lookup("ec")
			return ordered(keyset.New(params), 0, keyset.Order{Action: keyset.Revoke, Kid: "ec", Thumbprint: key.Thumbprint})
		}, at(0), KeyRevoked, CacheMiss, 0},
		{"the key is for any algorithm now", nil, swap(ec()), at(0), OK, CacheMiss, 1},
		{"the key is for another algorithm now", func(s *scene) {
			s.header["alg"], s.header["kid"], s.alg, s.key = "RS256", "rsa", "RS256", rsaKey()
		}, swap(observed(-time.Minute, jwk("rsa", rsaKey(), "alg", "PS256"))), at(0), AlgMismatch, CacheMiss, 0},

		{"exp passes", nil, same, at(31 * time.Minute), TokenExpired, CacheHit, 0},
		{"the clock steps back before nbf", nil, same, back, TokenNotYetValid, CacheHit, 1},
		{"the clock steps back before iat", func(s *scene) { s.claims = s.claims.without("nbf") }, same, back, IssuedInFuture, CacheHit, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, shadow := range []bool{false, true} {
				s := goodScene()
				s.policy.Shadow, s.issuer.MaxLifetime = shadow, 0
				if tt.spoil != nil {
					tt.spoil(s)
				}
				h, p, token := s.heated(t)
				h.keys.Store(tt.set(h.keys.Load()))
				h.expect(p, token, tt.now, tt.want, tt.use)
				if h.entries() != tt.left {
					t.Errorf("%d entries are left, want %d", h.entries(), tt.left)
				}
			}
		})
	}
}

// A token is remembered for one policy. What another one asks is asked.
func TestTokenOfOnePolicyIsNewToTheOthers(t *testing.T) {
	s := goodScene()
	issuer, other, keys := s.issuer, s.issuer, holding(s.set)
	issuer.Keys, other.Keys = keys, keys
	other.Name, other.ID = "other", "https://other.example.com"
	issuers := []*Issuer{&issuer}
	wide := &Policy{Name: DefaultPolicy, Issuers: issuers, ClaimHeaders: []ClaimHeader{{"sub", "x-sub"}}}
	type row struct {
		*Policy
		want Reason
	}
	rows := []row{
		{&Policy{Name: "audience", Issuers: issuers, Audiences: []string{"other-api"}}, AudienceMismatch},
		{&Policy{Name: "scope", Issuers: issuers, RequiredScopes: []string{"admin"}}, ScopeInsufficient},
		{&Policy{Name: "claims", Issuers: issuers, RequiredClaims: map[string]string{"tenant": "evil"}}, ClaimMismatch},
		{&Policy{Name: "issuer", Issuers: []*Issuer{&other}}, IssuerUnknown},
		{&Policy{Name: "shadow", Issuers: issuers, RequiredScopes: []string{"admin"}, Shadow: true}, ScopeInsufficient},
		{&Policy{Name: "headers", Issuers: issuers, ClaimHeaders: []ClaimHeader{{"tenant", "x-tenant"}}}, OK},
		{&Policy{Name: DefaultPolicy + DefaultPolicy, Issuers: issuers}, OK},
	}
	policies := []*Policy{wide}
	for _, r := range rows {
		policies = append(policies, r.Policy)
	}
	h, token := newHot(t, keys, policies...), s.token()
	h.expect(wide, token, s.now, OK, CacheMiss)
	for _, r := range rows {
		h.expect(r.Policy, token, s.now, r.want, CacheMiss)
		h.expect(wide, token, s.now, OK, CacheHit)
	}
}

// Nor would it be if their keys in the cache were the same.
func TestEntryOfOnePolicyIsNoneOfAnother(t *testing.T) {
	s := goodScene()
	strict := &Policy{Name: "strict", RequiredScopes: []string{"admin"}}
	v, p := s.cached(t, roomy, strict)
	token := s.token()
	v.Decide(p, token, s.now)
	entries := v.cache.Load().entries
	e, _ := entries.GetIfPresent(cacheKeyOf(v.bound[p], token))
	entries.Set(cacheKeyOf(v.bound[strict], token), e)
	if d := v.Decide(strict, token, s.now); d.Reason != ScopeInsufficient || d.Cache != CacheMiss {
		t.Errorf("%s, cache use %d", d.Reason, d.Cache)
	}
}

// The next configuration asks everything anew, whatever the one before found.
func TestNextGenerationRemembersNothing(t *testing.T) {
	s := goodScene()
	s.now = at(30*time.Minute + 30*time.Second) // exp has passed, within the skew
	h, p, token := s.heated(t)
	for name, change := range map[string]struct {
		want Reason
		to   func(*Issuer)
	}{
		"as it was":      {OK, func(*Issuer) {}},
		"max_lifetime":   {LifetimeTooLong, func(i *Issuer) { i.MaxLifetime = time.Minute }},
		"clock_skew":     {TokenExpired, func(i *Issuer) { i.ClockSkew = 0 }},
		"algorithms":     {AlgNotAllowed, func(i *Issuer) { i.Algorithms = []string{"RS256"} }},
		"types":          {TypNotAllowed, func(i *Issuer) { i.Types = []string{"JWT"} }},
		"audiences":      {AudienceMismatch, func(i *Issuer) { i.Audiences = []string{"other-api"} }},
		"another issuer": {IssuerUnknown, func(i *Issuer) { i.ID = "https://other.example.com" }},
	} {
		issuer := *p.Issuers[0]
		change.to(&issuer)
		next := *p
		next.Issuers = []*Issuer{&issuer}
		after := newHot(t, h.keys, &next)
		after.expect(&next, token, s.now, change.want, CacheMiss)
		if key := cacheKeyOf(h.v.bound[p], token); key == cacheKeyOf(after.v.bound[&next], token) {
			t.Errorf("%s: both generations call the token the same", name)
		}
	}
}

// Where the policy's name ends and the token begins, the token has no say in.
func TestKeysDoNotRunTogether(t *testing.T) {
	i := goodScene().issuer
	i.Keys = holding(goodScene().set)
	policies := []*Policy{{Name: DefaultPolicy}, {Name: "a"}, {Name: "ab"}, {Name: "a\x00"}}
	for _, p := range policies {
		p.Issuers = []*Issuer{&i}
	}
	v := must(New(policies, roomy))
	seen := map[cacheKey]string{}
	for _, p := range policies {
		for _, token := range []string{"", "b", "c", "bc", "\x00", "\x00b", "a", DefaultPolicy} {
			key, name := cacheKeyOf(v.bound[p], token), p.Name+"|"+token
			if seen[key] != "" {
				t.Errorf("%q and %q have one key", seen[key], name)
			}
			seen[key] = name
		}
	}
}

// Only what passed every step is remembered.
func TestRefusedTokenIsNotRemembered(t *testing.T) {
	for _, tt := range refusals() {
		for _, shadow := range []bool{false, true} {
			s := goodScene()
			tt.spoil(s)
			issuer, policy, keys := s.issuer, s.policy, holding(s.set)
			issuer.Keys, policy.Shadow = keys, shadow
			if policy.Issuers == nil {
				policy.Issuers = []*Issuer{&issuer}
			}
			h, token := newHot(t, keys, &policy), s.token()
			use := CacheMiss
			if len(token) > 8192 {
				use = NoCache
			}
			for range 2 {
				h.expect(&policy, token, s.now, tt.want, use)
			}
			if h.entries() != 0 {
				t.Errorf("%s: remembered", tt.name)
			}
		}
	}
}

// A token that is nearly one that was accepted is another token.
func TestNearlyTheSameTokenIsAnother(t *testing.T) {
	s := goodScene()
	h, p, token := s.heated(t)
	other := goodScene()
	other.header["typ"] = "JWT"
	// The last of 86 characters has 4 bits that stand for nothing, and they are 0.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	stray := alphabet[strings.IndexByte(alphabet, token[len(token)-1])+1]
	near := map[string]string{
		"bits that decode to nothing":     token[:len(token)-1] + string(stray),
		"padding":                         token + "==",
		"newline":                         token + "\n",
		"another header, same payload":    part(other.token(), 0) + "." + part(token, 1) + "." + part(token, 2),
		"another signature of the same":   part(token, 0) + "." + part(token, 1) + "." + part(goodScene().token(), 2),
		"without signature":               replaced(2, "")(token),
		"the signature of another header": replaced(2, part(other.token(), 2))(token),
		"twice":                           token + "." + token,
	}
	for name, text := range near {
		if d := h.v.Decide(p, text, s.now); d.Cache != CacheMiss || d.OK() != (name == "another signature of the same") {
			t.Errorf("%s: %s, cache use %d", name, d.Reason, d.Cache)
		}
	}
	for i := range len(token) * 8 {
		b := []byte(token)
		b[i/8] ^= 1 << (i % 8)
		if d := h.v.Decide(p, string(b), s.now); d.OK() || d.Cache != CacheMiss {
			t.Errorf("with bit %d changed: %s, cache use %d", i, d.Reason, d.Cache)
		}
	}
	h.expect(p, token, s.now, OK, CacheHit)
}

// That a late token was genuine is known from before, also when no further
// signature may be checked in this second.
func TestLateTokenSeenBeforeIsGenuine(t *testing.T) {
	s := goodScene()
	h, p, token := s.heated(t)
	h.keys.Store(ordered(s.set, 0, keyset.Order{Action: keyset.Revoke, Kid: "ec"}))
	for h.v.bound[p].issuers[s.issuer.ID].late.take(noon) {
	}
	if d := h.v.Decide(p, token, s.now); d.Reason != KeyRevoked || d.Cache != CacheHit || d.Signature != keyset.Valid {
		t.Errorf("%s, signature %s, cache use %d", d.Reason, d.Signature, d.Cache)
	}
	if d := h.v.Decide(p, token, s.now); d.Reason != KeyRevoked || d.Cache != CacheMiss || d.Signature != keyset.Unchecked {
		t.Errorf("once forgotten: %s, signature %s, cache use %d", d.Reason, d.Signature, d.Cache)
	}
}

// Whoever wants to know why takes each step, and does so without a trace.
func TestExplainLeavesTheCacheAlone(t *testing.T) {
	s := goodScene()
	h, p, token := s.heated(t)
	fresh := s.token()
	for _, text := range []string{token, fresh} {
		if d, reports := h.v.Explain(p, text, s.now); !d.OK() || d.Cache != NoCache || len(reports) != len(steps) {
			t.Errorf("%s, cache use %d", d.Reason, d.Cache)
		}
	}
	h.expect(p, fresh, s.now, OK, CacheMiss)
}

func TestDroppedCacheIsNotFilledAgain(t *testing.T) {
	s := goodScene()
	h, p, token := s.heated(t)
	if size, ok := h.v.CacheSize(); !ok || size.Entries != 1 || size.Bytes == 0 {
		t.Errorf("%+v, %t", size, ok)
	}
	h.v.DropCache()
	for range 2 {
		h.expect(p, token, s.now, OK, NoCache)
	}
	if size, ok := h.v.CacheSize(); ok || size != (CacheSize{}) {
		t.Errorf("%+v, %t", size, ok)
	}
}

func TestCacheOfLessThanNothing(t *testing.T) {
	s := goodScene()
	_, p := s.verifier(t)
	if _, err := New([]*Policy{p}, -1); err == nil || err.Error() != "token cache: -1 bytes; write 0 for none" {
		t.Error(err)
	}
}
