package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// One key's life as a client sees it through Envoy: published, withdrawn,
// drained, out of service, and out of service for ever.
func TestRotation(t *testing.T) {
	w := newWorld(t, setup{keys: "grace: 6s"})
	old := w.key
	inFlight := harness.Request{}.Bearer(w.token(nil))
	expect := func(what string, r harness.Request, status int, reason, state string) {
		t.Helper()
		resp, access := w.send(r)
		if resp.Status != status || value(access.Reason) != reason || value(access.KeyState) != state {
			t.Fatalf("%s: want %d %s %s, got %d: %s", what, status, reason, state, resp.Status, access.Line)
		}
	}
	// await waits until the guard gives a reason in a key state.
	await := func(what string, r harness.Request, reason, state string) {
		t.Helper()
		var access harness.Access
		for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if _, access = w.send(r); value(access.Reason) == reason && value(access.KeyState) == state {
				return
			}
		}
		t.Fatalf("%s: want %s %s: %s", what, reason, state, access.Line)
	}
	expect("the first key", inFlight, http.StatusOK, "ok", "active")

	next := devissuer.SharedKey("2026-12", "RS256")
	w.issuer.Publish(next)
	renewed := harness.Request{}.Bearer(next.Token(w.claims(nil)))
	await("the next key is published", renewed, "ok", "active")

	w.issuer.Withdraw(old.KID)
	await("the old key is withdrawn", inFlight, "ok", "grace")
	// No token of the old key may be younger than its withdrawal, but for the
	// clock skew of 1 s. At least removal_confirm, another second, has passed, so
	// that the next whole second is younger than both, and not in the future.
	late := harness.Request{}.Bearer(old.Token(w.claims(devissuer.Claims{"iat": time.Now().Add(time.Second).Unix()})))
	expect("a token minted after the withdrawal", late, http.StatusUnauthorized, "issued_after_withdrawal", "grace")
	expect("one minted before", inFlight, http.StatusOK, "ok", "grace")

	await("its grace is over", inFlight, "key_retired", "retired")
	expect("the next key goes on", renewed, http.StatusOK, "ok", "active")

	w.issuer.Publish(old)
	fetched := w.issuer.Count(devissuer.JWKSPath)
	for deadline := time.Now().Add(limit); w.issuer.Count(devissuer.JWKSPath) < fetched+2; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the guard does not fetch any more")
		}
	}
	expect("it is published again", inFlight, http.StatusUnauthorized, "key_retired", "retired")
	expect("the next key still goes on", renewed, http.StatusOK, "ok", "active")
}
