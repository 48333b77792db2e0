package verify

import (
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// The signature of a token whose key is out of service changes nothing about the
// decision, but is evidence.
func TestSignatureOfKeyOutOfService(t *testing.T) {
	good := goodScene().set
	retired := ordered(good, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"})
	revoked := ordered(good, 0, keyset.Order{Action: keyset.Revoke, Kid: "ec"})
	unseen := ordered(good, 0, keyset.Order{Action: keyset.Revoke, Kid: "gone"})
	material := ordered(good, 0, keyset.Order{Action: keyset.Revoke, Thumbprint: "a-thumbprint", Kid: "gone"})
	for _, tt := range []struct {
		name  string
		set   *keyset.Set
		spoil func(*scene)
		want  Reason
		sig   keyset.Signature
	}{
		{"retired, genuine", retired, nil, KeyRetired, keyset.Valid},
		{"revoked, genuine", revoked, nil, KeyRevoked, keyset.Valid},
		{"retired, genuine and expired", retired, claim("exp", 0), KeyRetired, keyset.Valid},
		{"retired, forged", retired, text(forged), KeyRetired, keyset.Invalid},
		{"revoked, signed by somebody else", revoked, func(s *scene) { s.key = otherKey() }, KeyRevoked, keyset.Invalid},
		{"retired, stripped", retired, text(replaced(2, "")), KeyRetired, keyset.Invalid},
		{"retired, alg of another key type", retired, func(s *scene) { s.header["alg"], s.alg, s.key = "RS256", "RS256", rsaKey() }, KeyRetired, keyset.Invalid},
		{"retired, signed with the key by another of its algorithms", ordered(good, 0, keyset.Order{Action: keyset.Retire, Kid: "rsa"}), func(s *scene) {
			s.issuer.Algorithms = []string{"RS256", "PS256"}
			s.header["kid"], s.header["alg"], s.alg, s.key = "rsa", "PS256", "PS256", rsaKey()
		}, KeyRetired, keyset.Valid},
		{"ordered out of service, never seen", unseen, header("kid", "gone"), KeyRevoked, keyset.Unchecked},
		{"the same, by thumbprint", material, header("kid", "gone"), KeyRevoked, keyset.Unchecked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			s.set = tt.set
			if tt.spoil != nil {
				tt.spoil(s)
			}
			d := s.expect(t, tt.want)
			if d.Signature != tt.sig {
				t.Errorf("signature %s, want %s", d.Signature, tt.sig)
			}
			if d.Key == nil || d.Kid != s.header["kid"] || d.Refresh != NoRefresh {
				t.Errorf("%+v", d)
			}
		})
	}
}

// A flood of late tokens costs at most ten checks in each second, however many
// policies, keys and goroutines it comes through.
func TestLateChecksAreFew(t *testing.T) {
	s := goodScene()
	issuer := s.issuer
	set := ordered(s.set, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"})
	set = ordered(set, 0, keyset.Order{Action: keyset.Revoke, Kid: "rsa"})
	issuer.Keys = holding(set)
	a := &Policy{Name: DefaultPolicy, Issuers: []*Issuer{&issuer}}
	b := &Policy{Name: "b", Issuers: []*Issuer{&issuer}}
	v := must(New([]*Policy{a, b}, 0))
	ec := s.token()
	s.header, s.alg, s.key = object{"alg": "RS256", "kid": "rsa"}, "RS256", rsaKey()
	rsa := s.token()

	checked := func(now Instant) int {
		var wg sync.WaitGroup
		var mu sync.Mutex
		n := 0
		for range 8 {
			wg.Go(func() {
				for range 10 {
					for _, d := range []Decision{v.Decide(a, ec, now), v.Decide(b, rsa, now)} {
						if d.Reason != KeyRetired && d.Reason != KeyRevoked {
							t.Errorf("%s (%s)", d.Reason, d.Detail)
						}
						if d.Signature == keyset.Valid {
							mu.Lock()
							n++
							mu.Unlock()
						}
					}
				}
			})
		}
		wg.Wait()
		return n
	}
	for _, now := range []time.Duration{0, time.Second, 3 * time.Second} {
		if n := checked(at(now)); n != lateChecks {
			t.Errorf("%v after noon: %d signatures were checked, want %d", now, n, lateChecks)
		}
	}
	if n := checked(at(3*time.Second + 999*time.Millisecond)); n != 0 {
		t.Errorf("%d more were checked in the same second", n)
	}
}

// Requests that read the clock on both sides of a second come in any order.
func TestLateChecksAcrossASecond(t *testing.T) {
	var l limiter
	n := 0
	for range 100 {
		for _, d := range []time.Duration{time.Second, 0} {
			if l.take(noon.Add(d)) {
				n++
			}
		}
	}
	if n > 2*lateChecks {
		t.Errorf("%d checks in two seconds, at most %d", n, 2*lateChecks)
	}
}

// A clock that was not set once takes no evidence away later.
func TestLateChecksAfterZeroTime(t *testing.T) {
	var l limiter
	for range 2 * lateChecks {
		l.take(time.Time{})
	}
	if !l.take(noon) {
		t.Error("nothing is checked any more")
	}
}

// One issuer's flood leaves another's evidence alone.
func TestLateChecksAreCountedByIssuer(t *testing.T) {
	a, b, policies := mixed()
	for _, i := range []*Issuer{a, b} {
		i.Keys = holding(ordered(i.Keys.Set(), 0, keyset.Order{Action: keyset.Retire, Kid: "ec"}))
	}
	v := must(New(policies, 0))
	s := goodScene()
	token := s.token()
	for range lateChecks {
		v.Decide(policies[0], token, s.now)
	}
	if d := v.Decide(policies[0], token, s.now); d.Signature != keyset.Unchecked {
		t.Errorf("signature %s", d.Signature)
	}
	s.claims["iss"], s.key = b.ID, otherKey()
	if d := v.Decide(policies[0], s.token(), s.now); d.Signature != keyset.Valid {
		t.Errorf("signature %s", d.Signature)
	}
}

// A pending key was never in force: a signature of it is no evidence, and costs
// nothing.
func TestPendingKeyIsNotChecked(t *testing.T) {
	s := goodScene()
	s.set = observed(-time.Minute, jwk("ec", p256Key(), "nbf", noon.Add(time.Second).Unix()))
	s.claims["sub"] = "x"
	if d := s.expect(t, KeyPending); d.Signature != keyset.Unchecked || d.State != keyset.Pending {
		t.Errorf("%s, signature %s", d.State, d.Signature)
	}
	s.now = at(time.Second)
	s.expect(t, OK)
}

// An operator reads since when a key is out of service: since its tokens were
// last accepted, not since what was planned.
func TestDetailSaysSinceWhen(t *testing.T) {
	good := goodScene().set
	expired := func(exp time.Duration) *keyset.Set {
		return observed(-time.Minute, jwk("ec", p256Key(), "exp", noon.Add(exp).Unix()), published()[1])
	}
	later := noon.Add(24 * time.Hour).Unix()
	renamed := observed(-12*time.Minute, jwk("ec", p256Key(), "exp", later), jwk("new", p256Key(), "exp", later))
	renamed = observe(renamed, -10*time.Minute, jwk("new", p256Key(), "exp", later))
	renamed = observe(renamed, -time.Minute, jwk("new", p256Key(), "exp", later))
	order := keyset.Order{Action: keyset.Retire, Kid: "ec", At: noon.Add(time.Hour), Reason: "as planned"}
	for _, tt := range []struct {
		name string
		set  *keyset.Set
		now  time.Duration
		want string
	}{
		{"revoked", ordered(good, 0, keyset.Order{Action: keyset.Revoke, Kid: "ec", Reason: "stolen"}), time.Minute,
			"the key was revoked since 2026-11-23T12:00:00Z (stolen)"},
		{"retired without grace", ordered(good, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"}), time.Minute,
			"the key is out of service since 2026-11-23T12:00:00Z"},
		{"retired with a grace", ordered(good, 0, keyset.Order{Action: keyset.Retire, Kid: "ec", Grace: time.Minute}), time.Minute,
			"the key is out of service since 2026-11-23T12:01:00Z"},
		{"expired", expired(time.Second), time.Minute, "the key is out of service since 2026-11-23T12:00:01Z"},
		{"expired before it was to be retired", ordered(expired(time.Second), 0, order), time.Minute,
			"the key is out of service since 2026-11-23T12:00:01Z (as planned)"},
		{"expired within its grace", ordered(expired(time.Second), 0, keyset.Order{Action: keyset.Retire, Kid: "ec", Grace: time.Minute}), time.Minute,
			"the key is out of service since 2026-11-23T12:00:01Z"},
		{"grace over before it expires", ordered(expired(30*time.Second), 0, keyset.Order{Action: keyset.Retire, Kid: "ec", Grace: time.Second}), time.Minute,
			"the key is out of service since 2026-11-23T12:00:01Z"},
		{"retired, then revoked", ordered(ordered(good, 0, keyset.Order{Action: keyset.Retire, Kid: "ec"}), time.Minute, keyset.Order{Action: keyset.Revoke, Kid: "ec"}), time.Minute,
			"the key was revoked since 2026-11-23T12:01:00Z"},
		{"one of its names withdrawn, and the key expires later", renamed, 50 * time.Minute, "the key is out of service"},
		{"grace over", withdrawn(), 50 * time.Minute, "the key is out of service since 2026-11-23T12:50:00Z"},
	} {
		s := goodScene()
		s.set, s.now = tt.set, at(tt.now)
		if d := s.decide(t); d.Detail != tt.want {
			t.Errorf("%s: %s (%s)", tt.name, d.Detail, d.Reason)
		}
	}
}

// Whatever zone the guard's clock is in, an operator reads UTC; and of two clocks
// the one by which the keys are stale.
func TestDetailTellsTime(t *testing.T) {
	zoned := func(d time.Duration) Instant {
		east := noon.Add(d).In(time.FixedZone("east", 3600))
		return Instant{Wall: east, Life: east}
	}
	show := func(set *keyset.Set, when time.Duration, keys ...object) *keyset.Set {
		set, _ = set.Observe(document(keys...), zoned(when), zoned(when))
		return set
	}
	delayed := params
	delayed.ActivationDelay = time.Hour
	gone := show(show(show(keyset.New(params), -3*time.Minute, published()...), -2*time.Minute, published()[1:]...), -time.Minute, published()[1:]...)
	for want, spoil := range map[string]func(*scene){
		"the key is not to be used before 2026-11-23T12:59:00Z": keys(show(keyset.New(delayed), -time.Minute, published()...)),
		"iat is 2026-11-23T11:59:01Z, the key was withdrawn at 2026-11-23T11:58:00Z": func(s *scene) {
			s.set, s.claims["iat"] = gone, noon.Add(-59*time.Second).Unix()
		},
		"the issuer's keys were last fetched 2h1m0s ago": func(s *scene) { s.now.Life = noon.Add(2 * time.Hour) },
		"the issuer's keys were last fetched 1h1m0s ago": func(s *scene) { s.now.Wall = noon.Add(time.Hour) },
	} {
		s := goodScene()
		spoil(s)
		if d := s.decide(t); d.Detail != want {
			t.Errorf("%s (%s), want %s", d.Detail, d.Reason, want)
		}
	}
}
