package telemetry

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// newJSON is a log into a buffer, one JSON object a line.
func newJSON() (*Log, *bytes.Buffer) {
	var out bytes.Buffer
	return NewLog(slog.New(slog.NewJSONHandler(&out, nil))), &out
}

// last is the last line of a log without its time and level.
func last(t *testing.T, out *bytes.Buffer) map[string]any {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var m map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "time")
	delete(m, "level")
	return m
}

func newKey() *keyset.Key {
	return &keyset.Key{Thumbprint: "thumb", Alg: "ES256", Usage: new(keyset.Usage)}
}

// A refusal says which policy, issuer and key it concerns, and nothing that the
// token holds: neither the decision's detail nor a claim.
func TestRefusalsNameNoMoreThanTheyMay(t *testing.T) {
	policy, issuer := &verify.Policy{Name: "payments"}, &verify.Issuer{Name: "corp", ID: "https://idp.test"}
	for _, tt := range []struct {
		name string
		d    verify.Decision
		want map[string]any
	}{
		{"nothing known", verify.Decision{Verdict: verify.Deny, Reason: verify.PolicyUnknown, Detail: "SECRET"},
			map[string]any{"decision": "deny", "reason": "policy_unknown"}},
		{"a policy that is not configured", verify.Decision{Verdict: verify.Deny, Reason: verify.PolicyUnknown, Asked: "paymnets"},
			map[string]any{"decision": "deny", "reason": "policy_unknown", "policy_asked": "paymnets"}},
		{"the zero decision denies", verify.Decision{}, map[string]any{"decision": "deny", "reason": ""}},
		{"no issuer of ours", verify.Decision{Verdict: verify.Deny, Reason: verify.IssuerUnknown, Policy: policy, Detail: "SECRET"},
			map[string]any{"decision": "deny", "reason": "issuer_unknown", "policy": "payments"}},
		{"no key of ours", verify.Decision{Verdict: verify.Deny, Reason: verify.KidUnknown, Policy: policy, Issuer: issuer, Kid: "SECRET", Detail: "SECRET"},
			map[string]any{"decision": "deny", "reason": "kid_unknown", "policy": "payments", "issuer": "corp"}},
		{"a key", verify.Decision{Verdict: verify.ShadowDeny, Reason: verify.TokenExpired, Policy: policy, Issuer: issuer,
			Key: newKey(), Kid: "k", Alg: "ES256", State: keyset.Grace, Detail: "SECRET",
			Headers: []verify.HeaderValue{{Name: "x-jwt-sub", Value: "SECRET"}}},
			map[string]any{"decision": "shadow_deny", "reason": "token_expired", "policy": "payments", "issuer": "corp", "kid": "k", "key_state": "grace"}},
		{"a retired key, still in somebody's hands", verify.Decision{Verdict: verify.Deny, Reason: verify.KeyRetired, Policy: policy, Issuer: issuer,
			Key: newKey(), Kid: "k", State: keyset.Retired, Signature: keyset.Valid},
			map[string]any{"decision": "deny", "reason": "key_retired", "policy": "payments", "issuer": "corp", "kid": "k", "key_state": "retired", "signature": "valid"}},
		{"a revoked key, and more than enough of it", verify.Decision{Verdict: verify.Deny, Reason: verify.KeyRevoked, Policy: policy, Issuer: issuer,
			Key: newKey(), Kid: "k", State: keyset.Revoked},
			map[string]any{"decision": "deny", "reason": "key_revoked", "policy": "payments", "issuer": "corp", "kid": "k", "key_state": "revoked", "signature": "unchecked"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, out := newJSON()
			l.Observe(t.Context(), &tt.d, time.Millisecond, "req-1")
			tt.want["msg"], tt.want["request_id"], tt.want["took"] = "request_denied", "req-1", 1e6
			if diff := cmp.Diff(tt.want, last(t, out)); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(out.String(), "SECRET") {
				t.Error(out)
			}
		})
	}
}

func TestAllowedRequestsAreNotLogged(t *testing.T) {
	l, out := newJSON()
	for _, r := range []verify.Reason{verify.OK, verify.MissingAllowed} {
		l.Observe(t.Context(), &verify.Decision{Verdict: verify.Allow, Reason: r}, 0, "")
	}
	if out.Len() > 0 {
		t.Error(out)
	}
}

// A flood of refusals is a trickle of lines, and the next line says how many
// there were no lines for.
func TestRefusalsAreLoggedAtABoundedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newJSON()
		d := &verify.Decision{Verdict: verify.Deny, Reason: verify.TokenMissing}
		var flood sync.WaitGroup
		for range 100 {
			flood.Go(func() {
				for range 100 {
					l.Observe(t.Context(), d, 0, "")
				}
			})
		}
		flood.Wait()
		if n := strings.Count(out.String(), "\n"); n != denialsPerSecond {
			t.Errorf("%d lines in an instant", n)
		}
		told := leftOut(t, out)
		out.Reset()
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			l.Observe(t.Context(), d, 0, "")
		}
		if n := strings.Count(out.String(), "\n"); n != 10*denialsPerSecond {
			t.Errorf("%d lines in ten seconds", n)
		}
		first, rest, _ := strings.Cut(out.String(), "\n")
		told += leftOut(t, bytes.NewBufferString(first))
		if want := 100*100 - denialsPerSecond; told != want || strings.Contains(rest, "denials_not_logged") {
			t.Errorf("%d of %d are told to be left out\n%s", told, want, rest)
		}
	})
}

// leftOut adds up what the lines of a log say was left out before them.
func leftOut(t *testing.T, out *bytes.Buffer) (n int) {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		var m struct {
			N int `json:"denials_not_logged"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		n += m.N
	}
	return n
}

// Times and counts of use move by an accepted token alone; whatever else names
// the key counts as refused, every one of them.
func TestUsageMovesByOKAlone(t *testing.T) {
	at := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for _, reason := range verify.Reasons() {
		l, _ := newJSON()
		k := newKey()
		d := verify.Decision{Verdict: verify.Deny, Reason: reason, Key: k, At: verify.Instant{Wall: at, Life: at.Add(time.Hour)},
			Expires: at.Add(time.Minute), Issued: at.Add(-time.Minute)}
		var allowed, denied uint64 = 0, 100
		used, expiry, issued := time.Time{}, time.Time{}, time.Time{}
		if reason == verify.OK {
			d.Verdict = verify.Allow
			allowed, denied = 100, 0
			used, expiry, issued = d.At.Life, d.Expires, d.Issued
		}
		for range 100 { // more than are logged
			l.Observe(t.Context(), &d, 0, "")
		}
		if k.Allowed() != allowed || k.Denied() != denied || !k.LastUsed().Equal(used) || !k.LatestExpiry().Equal(expiry) || !k.LatestIssued().Equal(issued) {
			t.Errorf("%s: %d allowed, %d denied, used %s, expiry %s", reason, k.Allowed(), k.Denied(), k.LastUsed(), k.LatestExpiry())
		}
	}
}

// What shadow mode lets through was refused all the same.
func TestShadowedRefusalIsNoUse(t *testing.T) {
	l, _ := newJSON()
	k := newKey()
	l.Observe(t.Context(), &verify.Decision{Verdict: verify.ShadowDeny, Reason: verify.TokenExpired, Key: k}, 0, "")
	if k.Allowed() != 0 || k.Denied() != 1 || !k.LastUsed().IsZero() {
		t.Errorf("%d allowed, %d denied", k.Allowed(), k.Denied())
	}
}

func TestKeyEvents(t *testing.T) {
	until := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	k := &keyset.Key{Thumbprint: "thumb", Alg: "ES256", Reason: "planned", Actor: "ops", JWK: []byte("MATERIAL"),
		Departure: keyset.Departure{GraceUntil: until}}
	for _, tt := range []struct {
		name, issuer string
		e            keyset.Event
		level        string
		want         map[string]any
	}{
		{"state", "corp", keyset.Event{Type: keyset.EventState, Kid: "k", Key: k, From: keyset.Active, To: keyset.Grace}, "INFO",
			map[string]any{"msg": "key_state", "issuer": "corp", "kid": "k", "thumbprint": "thumb", "alg": "ES256", "reason": "planned", "actor": "ops",
				"grace_until": "2026-08-01T12:00:00Z", "from": "active", "to": "grace"}},
		{"order", "corp", keyset.Event{Type: keyset.EventOrdered, Kid: "k", Action: keyset.Revoke, Forced: true, Key: &keyset.Key{}}, "INFO",
			map[string]any{"msg": "key_ordered", "issuer": "corp", "kid": "k", "action": "revoke", "forced": true}},
		{"anomaly", "corp", keyset.Event{Type: keyset.EventAnomaly, Anomaly: keyset.MassRemoval}, "WARN",
			map[string]any{"msg": "anomaly", "issuer": "corp", "anomaly": "mass_removal"}},
		{"anomaly of the guard", "", keyset.Event{Type: keyset.EventAnomaly, Anomaly: keyset.ClockStep, Detail: "moved"}, "WARN",
			map[string]any{"msg": "anomaly", "anomaly": "clock_step", "detail": "moved"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, out := newJSON()
			l.Record(tt.issuer, []keyset.Event{tt.e})
			if diff := cmp.Diff(tt.want, last(t, out)); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(out.String(), `"level":"`+tt.level+`"`) || strings.Contains(out.String(), "MATERIAL") {
				t.Error(out)
			}
		})
	}
}
