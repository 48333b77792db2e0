package telemetry

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// What was refused is summed over the policies, without what would have been.
func TestRefusalsByReason(t *testing.T) {
	w := newWorld(t)
	one, two := &verify.Policy{Name: "one"}, &verify.Policy{Name: "two"}
	for _, d := range []verify.Decision{
		{Verdict: verify.Deny, Reason: verify.TokenExpired, Policy: one},
		{Verdict: verify.Deny, Reason: verify.TokenExpired, Policy: two},
		{Verdict: verify.Deny, Reason: verify.PolicyUnknown},
		{Verdict: verify.ShadowDeny, Reason: verify.TokenExpired, Policy: two},
		{Verdict: verify.Allow, Reason: verify.OK, Policy: one},
	} {
		w.Observe(context.Background(), &d, 0, "")
	}
	want := map[verify.Reason]uint64{verify.TokenExpired: 2, verify.PolicyUnknown: 1}
	if diff := cmp.Diff(want, w.Refusals()); diff != "" {
		t.Error(diff)
	}
}
