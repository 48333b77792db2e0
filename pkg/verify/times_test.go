package verify

import (
	"fmt"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// endOfTime is the first second after the year 9999.
const endOfTime = 253402300800

// Each edge from both sides, at noon and with a minute of skew.
func TestTimesToTheSecond(t *testing.T) {
	now := noon.Unix()
	for _, tt := range []struct {
		name  string
		claim string
		value int64
		spoil func(*scene)
		want  Reason
	}{
		{"exp within skew", "exp", now - 59, nil, OK},
		{"exp and skew are over", "exp", now - 60, nil, TokenExpired},
		{"exp ahead, no skew", "exp", now + 1, noSkew, OK},
		{"exp now, no skew", "exp", now, noSkew, TokenExpired},
		{"exp now, in the last nanosecond of the second", "exp", now + 1, func(s *scene) { noSkew(s); s.now = at(time.Second - 1) }, OK},
		{"nbf within skew", "nbf", now + 60, nil, OK},
		{"nbf beyond skew", "nbf", now + 61, nil, TokenNotYetValid},
		{"nbf now, no skew", "nbf", now, noSkew, OK},
		{"nbf ahead, no skew", "nbf", now + 1, noSkew, TokenNotYetValid},
		{"nbf after exp", "nbf", now + 50, func(s *scene) { s.claims["exp"] = now + 10 }, OK},
		{"iat within skew", "iat", now + 60, nil, OK},
		{"iat beyond skew", "iat", now + 61, nil, IssuedInFuture},
		{"iat now, no skew", "iat", now, noSkew, OK},
		{"iat ahead, no skew", "iat", now + 1, noSkew, IssuedInFuture},
		{"iat after exp", "iat", now + 30, func(s *scene) { s.claims["exp"] = now + 10 }, OK},
		{"lifetime at most", "exp", now - 1800 + 3600, nil, OK},
		{"lifetime over", "exp", now - 1800 + 3601, nil, LifetimeTooLong},
		{"lifetime has no skew", "iat", now - 1801, nil, LifetimeTooLong},
		{"lifetime unbounded", "exp", now + 1e9, func(s *scene) { s.issuer.MaxLifetime = 0 }, OK},
		{"lifetime since 1970", "iat", 0, nil, LifetimeTooLong},
		{"nbf 1970", "nbf", 0, nil, OK},
		{"the last second", "exp", endOfTime - 1, func(s *scene) { s.issuer.MaxLifetime = 0 }, OK},
		{"the last second, bounded", "exp", endOfTime - 1, nil, LifetimeTooLong},
		{"the last second of nbf", "nbf", endOfTime - 1, nil, TokenNotYetValid},
		{"the last second of iat", "iat", endOfTime - 1, nil, IssuedInFuture},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			if tt.spoil != nil {
				tt.spoil(s)
			}
			s.claims[tt.claim] = tt.value
			s.expect(t, tt.want)
		})
	}
}

func noSkew(s *scene) { s.issuer.ClockSkew = 0 }

// Token times are told by the wall clock, whatever lifecycle time says.
func TestTimesUseTheWallClock(t *testing.T) {
	s := goodScene()
	s.now.Life = noon.Add(40 * time.Minute)
	s.expect(t, OK)
	s.now = Instant{Wall: noon.Add(31 * time.Minute), Life: noon}
	s.expect(t, TokenExpired)
}

// RFC 7519 allows fractions; this guard takes whole seconds alone, and whatever
// else might be rounded, wrapped or taken for "never" is invalid.
func TestTimesAreWholeSeconds(t *testing.T) {
	for _, value := range []string{
		`"1798765200"`, `""`, `null`, `true`, `false`, `[]`, `[1798765200]`, `{}`,
		`1798765200.0`, `1798765200.5`, `1.7987652e9`, `1798765200e0`, `1E10`, `1e400`, `1e-400`, `0.0`,
		`-1`, `-1798765200`, `253402300800`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`,
		`18446744073709551616`, `100000000000000000000000000000000000000`,
	} {
		for _, name := range []string{"exp", "nbf", "iat"} {
			s := goodScene()
			s.issuer.MaxLifetime = 0
			s.claims[name] = raw(value)
			if d := s.expect(t, ClaimInvalid); t.Failed() {
				t.Fatalf("%s: %s gives %s (%s)", name, value, d.Reason, d.Detail)
			}
		}
	}
	for name, want := range map[string]Reason{"exp": TokenExpired, "nbf": OK, "iat": OK} {
		s := goodScene()
		s.issuer.MaxLifetime = 0
		s.claims[name] = raw("-0") // an integer in JSON, and no other than 0
		s.expect(t, want)
	}
}

// A clock that was never set denies.
func TestZeroInstantDenies(t *testing.T) {
	s := goodScene()
	s.set = observed(-time.Minute, published()...)
	for _, now := range []Instant{{}, {Wall: noon}, {Life: noon}} {
		s.now = now
		if d := s.decide(t); now.Wall.IsZero() && d.Verdict != Deny {
			t.Errorf("at %v: %s", now, d.Reason)
		}
	}
}

func TestOptionalTimes(t *testing.T) {
	s := goodScene()
	s.issuer.MaxLifetime = 0
	s.claims = s.claims.without("nbf").without("iat")
	if d := s.expect(t, OK); !d.Issued.IsZero() {
		t.Errorf("issued %v, but the token does not say", d.Issued)
	}
	s = goodScene()
	s.claims = s.claims.without("nbf")
	s.expect(t, OK)
}

// Step 11, with the key withdrawn 10 minutes before noon and a minute of skew.
func TestGrace(t *testing.T) {
	start := noon.Add(-10 * time.Minute).Unix()
	none := int64(-1)
	for _, tt := range []struct {
		name string
		iat  int64
		skew time.Duration
		want Reason
	}{
		{"long before", start - 600, time.Minute, OK},
		{"at the withdrawal", start, 0, OK},
		{"a second after", start + 1, 0, IssuedAfterWithdrawal},
		{"at the end of skew", start + 60, time.Minute, OK},
		{"beyond skew", start + 61, time.Minute, IssuedAfterWithdrawal},
		{"without iat", none, time.Minute, IssuedAfterWithdrawal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := goodScene()
			s.set, s.issuer.ClockSkew, s.issuer.MaxLifetime = withdrawn(), tt.skew, 0
			s.claims["iat"] = tt.iat
			if tt.iat == none {
				s.claims = s.claims.without("iat")
			}
			d := s.expect(t, tt.want)
			if d.State != keyset.Grace || d.Refresh != AskRefresh {
				t.Errorf("state %s, refresh %d", d.State, d.Refresh)
			}
		})
	}
}

// After the wall clock was set back by an hour, the withdrawal of 11:50 was at
// 10:50 by the clock that issuers write iat with.
func TestGraceBeginsByTheWallClock(t *testing.T) {
	withdrawal := noon.Add(-70 * time.Minute).Unix()
	for iat, want := range map[int64]Reason{withdrawal: OK, withdrawal + 1: IssuedAfterWithdrawal} {
		s := goodScene()
		s.set, s.issuer.ClockSkew, s.issuer.MaxLifetime = withdrawn(), 0, 0
		s.now.Wall = noon.Add(-time.Hour)
		s.claims["iat"], s.claims["nbf"] = iat, iat
		s.expect(t, want)
	}
}

// Only a valid token in time asks for a refresh: anybody can make the others.
func TestGraceAsksOnlyForValidSignatures(t *testing.T) {
	for want, spoil := range map[Reason]func(*scene){
		SignatureInvalid: text(forged),
		TokenExpired:     claim("exp", noon.Add(-time.Hour).Unix()),
		AlgMismatch:      func(s *scene) { s.header["alg"], s.alg, s.key = "RS256", "RS256", rsaKey() },
	} {
		s := goodScene()
		s.set = withdrawn()
		spoil(s)
		if d := s.expect(t, want); d.Refresh != NoRefresh {
			t.Errorf("%s asks for refresh %d", want, d.Refresh)
		}
	}
}

// An absence counts only when it is confirmed: until then, nothing is different.
func TestUnconfirmedAbsenceIsNoGrace(t *testing.T) {
	s := goodScene()
	s.set = observe(observed(-12*time.Minute, published()...), -2*time.Minute, published()[1:]...)
	s.claims["iat"] = noon.Unix()
	if d := s.expect(t, OK); d.State != keyset.Active || d.Refresh != NoRefresh {
		t.Errorf("state %s, refresh %d", d.State, d.Refresh)
	}
}

// An ordered grace runs from the order, to the instant at which it ends.
func TestOrderedGraceToTheSecond(t *testing.T) {
	set := ordered(goodScene().set, 0, keyset.Order{Action: keyset.Retire, Kid: "ec", Grace: 10 * time.Minute})
	for _, tt := range []struct {
		now, iat time.Duration
		want     Reason
	}{
		{0, 0, OK},
		{0, -time.Hour, OK},
		{2 * time.Minute, time.Minute, OK}, // skew
		{2 * time.Minute, time.Minute + time.Second, IssuedAfterWithdrawal},
		{10*time.Minute - 1, 0, OK},
		{10 * time.Minute, 0, KeyRetired},
	} {
		t.Run(fmt.Sprint(tt.now, " ", tt.iat), func(t *testing.T) {
			s := goodScene()
			s.set, s.now, s.issuer.MaxLifetime = set, at(tt.now), 0
			s.claims["iat"] = noon.Add(tt.iat).Unix()
			s.expect(t, tt.want)
		})
	}
}
