package verify

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// schedule is a random life of an issuer's keys, of clocks, configurations and
// tokens, judged with a cache and without one.
type schedule struct {
	*rand.Rand
	issuers  []*Issuer
	keys     []*holder // of each issuer
	listed   [][]object
	policies []*Policy
	v        *Verifier
	tokens   []string
	wall     time.Duration // after noon
	life     time.Duration
}

// materials are EdDSA keys, since they sign fast.
var materials = sync.OnceValue(func() []*scene {
	all := make([]*scene, 4)
	for i := range all {
		all[i] = goodScene()
		all[i].alg, all[i].key = "EdDSA", newEdKey()
	}
	return all
})

func newSchedule(seed uint64) *schedule {
	s := &schedule{Rand: rand.New(rand.NewPCG(seed, 0))}
	for i := range 2 {
		issuer := goodScene().issuer
		issuer.Name, issuer.ID = fmt.Sprint("issuer-", i), fmt.Sprint("https://issuer-", i, ".example.com")
		h := holding(keyset.New(s.params()))
		issuer.Keys = h
		s.issuers, s.keys, s.listed = append(s.issuers, &issuer), append(s.keys, h), append(s.listed, nil)
		s.publish(i)
	}
	s.reload()
	for range 8 {
		s.tokens = append(s.tokens, s.token())
	}
	return s
}

func (s *schedule) now() Instant {
	return Instant{Wall: noon.Add(s.wall), Life: noon.Add(s.life)}
}

func (s *schedule) oneOf(n int) bool { return s.IntN(n) == 0 }

func (s *schedule) minutes(least, most int) time.Duration {
	return time.Duration(least*60+s.IntN((most-least)*60+1)) * time.Second
}

func (s *schedule) params() keyset.Params {
	p := params
	p.ReplaceReused, p.Grace = s.oneOf(2), s.minutes(1, 60)
	return p
}

// material is that of a kid, or now and then any.
func (s *schedule) material(i, kid int) *scene {
	all := materials()
	if s.oneOf(12) {
		return all[s.IntN(len(all))]
	}
	return all[(i+kid)%len(all)]
}

// token signs one that is good or nearly so. Some are of kids that are not listed
// yet, or carry what another policy asks for.
func (s *schedule) token() string {
	i, kid := s.IntN(len(s.issuers)), s.IntN(3)
	m := *s.material(i, kid)
	now := s.now().Wall
	m.header = object{"alg": "EdDSA", "kid": fmt.Sprint("k", kid), "typ": "at+jwt"}
	issued := now.Add(-s.minutes(0, 20))
	m.claims = object{
		"iss": s.issuers[i].ID, "sub": fmt.Sprint("user-", s.IntN(100)),
		"aud": []string{"api", "other-api"}[:1+s.IntN(2)], "scope": "read write", "tenant": "acme",
		"iat": issued.Unix(), "nbf": issued.Unix(), "exp": now.Add(s.minutes(2, 40)).Unix(),
	}
	for _, name := range []string{"iat", "nbf", "scope", "tenant"} {
		if s.oneOf(8) {
			m.claims = m.claims.without(name)
		}
	}
	if s.oneOf(10) {
		m.claims["cnf"] = object{}
	}
	if s.oneOf(10) {
		m.text = forged
	}
	return m.token()
}

// publish has one issuer list some keys.
func (s *schedule) publish(i int) {
	s.listed[i] = []object{}
	for kid := range 3 {
		if s.oneOf(6) {
			continue
		}
		k := jwk(fmt.Sprint("k", kid), s.material(i, kid).key)
		if s.oneOf(3) {
			k["alg"] = "EdDSA"
		}
		if s.oneOf(12) {
			k["nbf"] = s.now().Wall.Add(s.minutes(-5, 5)).Unix()
		}
		if s.oneOf(12) {
			k["exp"] = s.now().Wall.Add(s.minutes(1, 30)).Unix()
		}
		s.listed[i] = append(s.listed[i], k)
	}
	s.observe(i)
}

func (s *schedule) observe(i int) {
	set, _ := s.keys[i].Load().Observe(document(s.listed[i]...), s.now(), s.now())
	s.keys[i].Store(set)
}

// reload makes the next configuration.
func (s *schedule) reload() {
	if s.v != nil {
		s.v.DropCache()
	}
	for i, old := range s.issuers {
		issuer := *old
		issuer.MaxLifetime = []time.Duration{0, time.Hour, 30 * time.Minute}[s.IntN(3)]
		issuer.ClockSkew = []time.Duration{0, time.Minute}[s.IntN(2)]
		s.issuers[i] = &issuer
		s.keys[i].Store(s.keys[i].Load().WithParams(s.params()))
	}
	issuers := s.issuers
	if s.oneOf(4) {
		issuers = issuers[:1]
	}
	s.policies = []*Policy{
		{Name: DefaultPolicy, Issuers: issuers, ClaimHeaders: []ClaimHeader{{"sub", "x-sub"}, {"tenant", "x-tenant"}}},
		{Name: "narrow", Issuers: issuers, Audiences: []string{"other-api"}, PayloadHeader: "x-payload"},
		{Name: "strict", Issuers: issuers, RequiredScopes: []string{"write"}, RequiredClaims: map[string]string{"tenant": "acme"}},
		{Name: "watched", Issuers: issuers, RequiredScopes: []string{"write"}, Shadow: true},
	}
	s.v = must(New(s.policies, roomy))
}

// order puts a key out of service, or back.
func (s *schedule) order(i int) {
	o := keyset.Order{
		Action: []keyset.Action{keyset.Retire, keyset.Retire, keyset.Revoke, keyset.Reinstate}[s.IntN(4)],
		Kid:    fmt.Sprint("k", s.IntN(4)),
	}
	if o.Action == keyset.Retire {
		o.Grace = s.minutes(0, 10)
	}
	if set, _, err := s.keys[i].Load().Apply(o, s.now()); err == nil {
		s.keys[i].Store(set)
	}
}

// step lets something happen.
func (s *schedule) step() {
	i := s.IntN(len(s.keys))
	switch n := s.IntN(100); {
	case n < 25:
		d := s.minutes(0, 2)
		s.wall, s.life = s.wall+d, s.life+d
	case n < 30:
		s.wall += s.minutes(-15, 15) // a step
	case n < 32:
		d := s.minutes(30, 70)
		s.wall, s.life = s.wall+d, s.life+d
	case n < 50:
		s.observe(i)
	case n < 55:
		s.publish(i)
	case n < 58:
		s.order(i)
	case n < 61:
		s.keys[i].Store(s.keys[i].Load().WithFailure())
	case n < 65:
		s.keys[i].Store(keyset.New(s.params()))
	case n < 68:
		s.reload()
	default:
		s.tokens[s.IntN(len(s.tokens))] = s.token()
	}
}

// Over any life of keys, clocks, configurations and tokens, a Verifier with a cache
// decides as one without does.
func TestCacheChangesNoDecision(t *testing.T) {
	seeds, steps := 40, 150
	if testing.Short() {
		seeds = 8
	}
	hits := map[Reason]int{}
	total := 0
	for seed := range seeds {
		s := newSchedule(uint64(seed))
		for n := range steps {
			s.step()
			for range 8 {
				p, token := s.policies[s.IntN(len(s.policies))], s.tokens[s.IntN(len(s.tokens))]
				for _, trust := range s.v.bound[p].issuers {
					trust.late.state.Store(0) // how many late signatures were checked is another test's
				}
				got := s.v.Decide(p, token, s.now())
				want := must(New(s.policies, 0)).Decide(p, token, s.now())
				total++
				if got.Cache == CacheHit {
					hits[got.Reason]++
				} else if got.Cache != CacheMiss {
					t.Fatalf("cache use %d", got.Cache)
				}
				want.Cache = got.Cache
				if diff := cmp.Diff(want, got, samePointers); diff != "" {
					t.Fatalf("seed %d, step %d: cache use %d (-without a cache +with one)\n%s", seed, n, got.Cache, diff)
				}
			}
		}
	}
	t.Logf("%d decisions, hits: %v", total, hits)
	for _, r := range []Reason{
		OK, KeyPending, KeyRetired, KeyRevoked, KeysStale, KeysUnavailable, KidUnknown,
		TokenExpired, TokenNotYetValid, IssuedInFuture, IssuedAfterWithdrawal,
	} {
		if hits[r] == 0 && !testing.Short() {
			t.Errorf("no hit ended in %s: the schedules are too tame", r)
		}
	}
	if hits[OK] < total/20 {
		t.Errorf("%d hits of %d decisions: the schedules are too wild", hits[OK], total)
	}
}
