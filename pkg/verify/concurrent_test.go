package verify

import (
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// While sets are swapped under it, each decision is that of one of the sets, and
// whole: never the state of one with the reason of another.
func TestDecisionsWhileSetsAreSwapped(t *testing.T) {
	t.Run("without a cache", func(t *testing.T) { decideWhileSetsAreSwapped(t, 0) })
	t.Run("with a cache", func(t *testing.T) { decideWhileSetsAreSwapped(t, roomy) })
}

func decideWhileSetsAreSwapped(t *testing.T, cacheBytes int64) {
	good := goodScene().set
	sets := map[*keyset.Set]Reason{
		good:                                   OK,
		keyset.New(params):                     KeysUnavailable,
		withdrawn():                            OK,
		observed(-2*time.Hour, published()...): KeysStale,
		observed(-time.Minute, published()[1:]...):                                      KidUnknown,
		ordered(good, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"}):                KeyRetired,
		ordered(good, 0, keyset.Order{Action: keyset.Revoke, Kid: "ec"}):                KeyRevoked,
		observed(-time.Minute, jwk("ec", otherKey(), "alg", "ES256")):                   SignatureInvalid,
		observed(-time.Minute, jwk("ec", rsaKey(), "alg", "RS256")):                     AlgMismatch,
		observed(-time.Minute, jwk("ec", p256Key(), "nbf", noon.Add(time.Hour).Unix())): KeyPending,
	}
	type finding struct {
		reason Reason
		state  keyset.State
		key    *keyset.Key
	}
	possible := map[finding]bool{}
	for set, want := range sets {
		f := finding{reason: want}
		if ref, ok := set.Lookup("ec"); ok {
			f.state, f.key = ref.State(at(0)), ref.Key
		}
		possible[f] = true
	}

	s := goodScene()
	issuer, keys := s.issuer, holding(good)
	issuer.Keys = keys
	p := &Policy{Name: DefaultPolicy, Issuers: []*Issuer{&issuer}, ClaimHeaders: []ClaimHeader{{"sub", "x-sub"}}}
	v := must(New([]*Policy{p}, cacheBytes))
	token := s.token()

	stop := make(chan struct{})
	var swapping, asking sync.WaitGroup
	swapping.Go(func() {
		for {
			for set := range sets {
				select {
				case <-stop:
					return
				default:
					keys.Store(set)
				}
			}
		}
	})
	for i := range 8 {
		asking.Go(func() {
			for range 300 {
				var d Decision
				if i%4 == 0 {
					d, _ = v.Explain(p, token, s.now)
				} else {
					d = v.Decide(p, token, s.now)
				}
				if !possible[finding{d.Reason, d.State, d.Key}] {
					t.Errorf("no set gives %s with a key that is %s", d.Reason, d.State)
				}
				if d.OK() && (len(d.Headers) != 1 || d.Headers[0].Value != "alice") {
					t.Errorf("headers %v", d.Headers)
				}
			}
		})
	}
	asking.Wait()
	close(stop)
	swapping.Wait()
}

// turning keys are another set each time they are asked for.
type turning struct {
	sets  []*keyset.Set
	asked int
}

func (k *turning) Set() *keyset.Set {
	set := k.sets[k.asked%len(k.sets)]
	k.asked++
	return set
}

// A decision loads the set once, whatever becomes of the token.
func TestSetIsLoadedOnce(t *testing.T) {
	for _, tt := range append(refusals(), accepted()...) {
		s := goodScene()
		tt.spoil(s)
		keys := &turning{sets: []*keyset.Set{s.set, keyset.New(params)}}
		s.issuer.Keys = keys
		policy := s.policy
		policy.Issuers = []*Issuer{&s.issuer}
		v, token := must(New([]*Policy{&policy}, 0)), s.token()
		cached := must(New([]*Policy{&policy}, roomy))
		for _, judge := range []func(*Policy, string, Instant) Decision{
			v.Decide,
			cached.Decide,
			cached.Decide,
			func(p *Policy, token string, now Instant) Decision { d, _ := v.Explain(p, token, now); return d },
		} {
			keys.asked = 0
			if d := judge(&policy, token, s.now); d.Reason != tt.want || keys.asked > 1 {
				t.Errorf("%s: %s, the set was loaded %d times", tt.name, d.Reason, keys.asked)
			}
		}
	}
}

// Also where what is remembered of a token turns out to say nothing about it.
func TestSetIsLoadedOnceBySomebodyElsesKey(t *testing.T) {
	s := goodScene()
	keys := &turning{sets: []*keyset.Set{s.set, observed(-time.Minute, jwk("ec", otherKey())), s.set}}
	s.issuer.Keys = keys
	policy := s.policy
	policy.Issuers = []*Issuer{&s.issuer}
	v, token := must(New([]*Policy{&policy}, roomy)), s.token()
	for i, want := range []Reason{OK, SignatureInvalid, OK} {
		if d := v.Decide(&policy, token, s.now); d.Reason != want || d.Cache != CacheMiss || keys.asked != i+1 {
			t.Errorf("%s, cache use %d, the set was loaded %d times, want %s", d.Reason, d.Cache, keys.asked, want)
		}
	}
}
