package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// One operator's day: what is refused and why, what takes effect, and what of it
// outlasts every end of the guard.
func TestAnOperatorTakesKeysOutOfService(t *testing.T) {
	t.Parallel()
	state := newState(t)
	w := newWorld(t, setup{state: state})
	a, b := w.key, devissuer.NewKey("2026-12", "RS256")
	// Listed with another exponent alone: that by itself is no harm.
	live := otherExponent(devissuer.NewKey("live", "RS256"), "live")
	w.issuer.Publish(b)
	w.issuer.PublishJWK(live.jwk)
	w.refresh()
	w.expect("the first key", w.of(a), http.StatusOK, "ok", "active")
	w.expect("the second key", w.of(b), http.StatusOK, "ok", "active")
	w.expect("a control", w.ofRSA(live), http.StatusOK, "ok", "active")

	// What is refused leaves everything as it is.
	w.refused(2, []string{"no reason given", "--reason"}, "retire", "corp", a.KID)
	if status, text := w.ask("POST", "/api/v1/keys/corp/"+a.KID+"/retire", "{}"); status != http.StatusBadRequest || !strings.Contains(text, "reason is missing") {
		t.Fatalf("without a reason: %d %s", status, text)
	}
	w.refused(1, []string{"no issuer has the name", "corp"}, "retire", "crop", a.KID, "--reason", "e2e")
	w.refused(1, []string{"no key of the kid", "2026-11", "--unseen"}, "retire", "corp", "2026-1", "--reason", "e2e")
	w.refused(1, []string{"in use", "tokens until", "--force"}, "retire", "--grace", "0s", "corp", a.KID, "--reason", "e2e")
	w.expect("all of them refused", w.of(a), http.StatusOK, "ok", "active")

	// In two steps out of service.
	w.order("retire", "corp", a.KID)
	w.expect("retired with a grace", w.of(a), http.StatusOK, "ok", "grace")
	w.order("retire", "--grace", "0s", "--force", "corp", a.KID)
	w.expect("its grace is cut off", w.of(a), http.StatusUnauthorized, "key_retired", "retired")
	w.order("reinstate", "corp", a.KID)
	w.expect("reinstated", w.of(a), http.StatusOK, "ok", "active")

	// Ahead of time, by kid and by thumbprint.
	next, leaked := devissuer.SharedKey("2027-01", "ES256"), devissuer.SharedKey("leaked", "EdDSA")
	w.order("retire", "--unseen", "corp", next.KID)
	w.order("revoke", "--unseen", "--thumbprint", leaked.Thumbprint(), "corp", "-")
	w.issuer.Publish(next, leaked)
	w.refresh()
	w.expect("retired before it came", w.of(next), http.StatusUnauthorized, "key_retired", "retired")
	w.expect("revoked before it came", w.of(leaked), http.StatusUnauthorized, "key_revoked", "revoked")

	// For good.
	w.order("revoke", "corp", a.KID)
	w.expect("revoked", w.of(a), http.StatusUnauthorized, "key_revoked", "revoked")
	w.refused(1, []string{"a revoked key cannot be reinstated"}, "reinstate", "corp", a.KID, "--reason", "e2e")
	w.order("retire", "--grace", "0s", "--force", "corp", b.KID)
	w.refused(1, []string{"last usable key", "--force"}, "revoke", "corp", "live", "--reason", "e2e")
	w.expect("the last one", w.ofRSA(live), http.StatusOK, "ok", "active")

	// The issuer lists them again, in every way that might be taken for another key.
	renamed, reused := a.Renamed("2027-02"), devissuer.SharedKey(b.KID, "ES256")
	moved, again := otherExponent(b, "2027-03"), b.Renamed("2027-04")
	w.issuer.Withdraw(b.KID)
	w.issuer.Publish(renamed, reused, again)
	w.issuer.PublishJWK(moved.jwk)
	refused := func(when string) {
		t.Helper()
		w.refresh()
		w.expect(when+": the same name", w.of(a), http.StatusUnauthorized, "key_revoked", "revoked")
		w.expect(when+": another name", w.of(renamed), http.StatusUnauthorized, "key_revoked", "revoked")
		w.expect(when+": another name of a retired one", w.of(again), http.StatusUnauthorized, "key_retired", "retired")
		w.expect(when+": a retired name", w.of(reused), http.StatusUnauthorized, "key_retired", "retired")
		w.expect(when+": another exponent", w.ofRSA(moved), http.StatusUnauthorized, "key_retired", "retired")
		w.expect(when+": ahead of time", w.of(next), http.StatusUnauthorized, "key_retired", "retired")
		w.expect(when+": by thumbprint", w.of(leaked), http.StatusUnauthorized, "key_revoked", "revoked")
		w.expect(when+": the control", w.ofRSA(live), http.StatusOK, "ok", "active")
	}
	refused("listed again")
	for how, stop := range stops {
		if err := stop(w.guard); err != nil {
			t.Fatal(err)
		}
		w.startGuard()
		refused("after " + how)
	}
	text := ledgerText(t, state)
	for _, want := range []string{`"anomaly":"retired_key_returned"`, `"anomaly":"kid_reused"`, `"actor":"uid:`} {
		if !strings.Contains(text, want) {
			t.Errorf("the ledger does not have %s", want)
		}
	}
}

// rsaKey is an RSA key that devissuer would not make.
type rsaKey struct {
	jwk     devissuer.JWK
	private *rsa.PrivateKey
}

// otherExponent is a key of the same modulus with another public exponent: as good
// a key, and to whoever compares thumbprints or kids another one.
func otherExponent(k *devissuer.Key, kid string) rsaKey {
	number := func(name string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(k.PrivateJWK()[name].(string))
		if err != nil {
			panic(err)
		}
		return new(big.Int).SetBytes(b)
	}
	p, q, one := number("p"), number("q"), big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	e := big.NewInt(65539)
	d := new(big.Int).ModInverse(e, phi)
	for ; d == nil; d = new(big.Int).ModInverse(e, phi) {
		e.Add(e, big.NewInt(2))
	}
	jwk := k.JWK()
	jwk["kid"], jwk["e"] = kid, base64.RawURLEncoding.EncodeToString(e.Bytes())
	private := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: number("n"), E: int(e.Int64())}, D: d, Primes: []*big.Int{p, q}}
	if err := private.Validate(); err != nil {
		panic(err)
	}
	return rsaKey{jwk, private}
}

// ofRSA is a good token of such a key.
func (w *world) ofRSA(k rsaKey) string {
	w.t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			w.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	input := part(map[string]any{"alg": "RS256", "kid": k.jwk["kid"], "typ": "JWT"}) + "." + part(w.claims(nil))
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.private, crypto.SHA256, sum[:])
	if err != nil {
		w.t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}
