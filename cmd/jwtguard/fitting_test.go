package main

import (
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// An issuer lists its next key, of another type, before the configuration allows
// tokens of it. Until it does, that key is nothing to fall back on.
func TestLastKeyThatFitsTheAlgorithmsTakesForce(t *testing.T) {
	w := newWorld(t)
	rsa := devissuer.SharedKey("rsa-2025", "RS256")
	file := func(algorithms string) string {
		return w.listen() + "issuers:\n" + w.fixed(", algorithms: ["+algorithms+"]", rsa.JWK())
	}
	g := w.startReady(file("RS256"))
	e := g.envoy()
	refused := func() {
		t.Helper()
		for _, order := range [][]string{{"revoke"}, {"retire", "--grace", "0s"}} {
			w.keys(append(order, "corp", "rsa-2025", "--reason", "rotated")...).says(t, 1,
				"refused: it is the last usable key of corp: its other active keys fit none of the issuer's algorithms", "add --force")
		}
		e.gets(w.tokenOf(rsa, nil), "ok")
	}
	w.keys("show", "corp", w.key.KID).says(t, 0, "active", "ES256, which is not among the issuer's algorithms: no token passes")
	e.gets(w.token(), "alg_not_allowed")
	refused()

	reload := func(algorithms string) {
		t.Helper()
		w.write(file(algorithms))
		if line := g.reload(); !strings.Contains(line, `"msg":"config_reloaded"`) {
			t.Fatal(line)
		}
	}
	// What may be ordered follows the configuration in force, there and back.
	reload("RS256, ES256")
	e.gets(w.token(), "ok")
	reload("RS256")
	refused()
	reload("RS256, ES256")
	w.keys("revoke", "corp", "rsa-2025", "--reason", "leaked").says(t, 0, "revoked: in force")
	e.gets(w.tokenOf(rsa, nil), "key_revoked")
	e.gets(w.token(), "ok")
}

// A guard that would refuse every token of an issuer is not ready: a fleet is not
// replaced by one that has the wrong algorithms.
func TestGuardWhoseKeysFitNoAlgorithmIsNotReady(t *testing.T) {
	w := newWorld(t)
	file := func(algorithms string) string {
		return w.listen() + "issuers:\n" + w.fixed(", algorithms: ["+algorithms+"]")
	}
	g := w.start(file("RS256, PS256"))
	g.event(0, `"msg":"jwks_fetched"`)
	for network, want := range map[string]string{
		"unix": "no active key of it fits its algorithms (RS256, PS256): add the one that it signs with, or have it list a key that fits",
		"tcp":  "no_fitting_key",
	} {
		if code, body := g.http(network, "/readyz"); code != 503 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", network, code, body)
		}
	}
	g.envoy().gets(w.token(), "alg_not_allowed")

	w.write(file("ES256"))
	g.reload()
	g.event(0, `"msg":"ready"`)
	g.envoy().gets(w.token(), "ok")
}
