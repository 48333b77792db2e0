package main

import (
	"log/slog"
	"os"
	"time"

	"google.golang.org/grpc"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/telemetry"
	"github.com/jwtguard/jwtguard/pkg/authz"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// preparedIssuer is whose tokens a prepared server takes. Nobody fetches anything
// from it.
const preparedIssuer = "https://issuer.example.com"

// keysBeside is the document with a prepared server's keys.
func keysBeside(socket string) string { return socket + ".jwks" }

// prepare writes the keys that a prepared server on a socket is to have.
func prepare(socket string, keys ...devissuer.JWK) error {
	return os.WriteFile(keysBeside(socket), devissuer.Document(keys...), 0o600)
}

// heldKeys are an issuer's keys that stay as they are.
type heldKeys struct{ set *keyset.Set }

func (k heldKeys) Set() *keyset.Set { return k.set }

// servePrepared answers checks as the guard does, by the same packages and under the
// same policy, with metrics or with nobody who observes. The guard itself cannot be
// without them.
func servePrepared(socket string, observed bool) error {
	sameMemory()
	text, err := os.ReadFile(keysBeside(socket))
	if err != nil {
		return err
	}
	doc, err := jose.ReadKeys(text)
	if err != nil {
		return err
	}
	clock := jwkscache.NewClock(nil, time.Time{})
	now := clock.Now()
	set, _ := keyset.New(keyset.Params{}).Observe(doc, now, now)
	issuer := &verify.Issuer{
		Name: issuerName(0), ID: preparedIssuer, Audiences: []string{audience}, Algorithms: algorithms, Types: []string{"JWT"},
		MaxLifetime: 2 * time.Hour, ClockSkew: time.Minute, Keys: heldKeys{set},
	}
	verifier, err := verify.New([]*verify.Policy{{
		Name: verify.DefaultPolicy, Issuers: []*verify.Issuer{issuer},
		Token:        verify.TokenSource{Header: "authorization", Forward: true},
		ClaimHeaders: []verify.ClaimHeader{{Claim: "sub", Header: "x-jwt-sub"}},
	}}, 32<<20)
	if err != nil {
		return err
	}
	cfg := authz.Config{Decider: verifier, Now: clock.Now}
	if observed {
		cfg.Observer, err = telemetry.New(telemetry.Config{
			Log: slog.New(slog.DiscardHandler),
			Issuers: func() ([]telemetry.Issuer, keyset.Instant) {
				return []telemetry.Issuer{{Name: issuer.Name, Set: set, MaxLifetime: issuer.MaxLifetime}}, clock.Now()
			},
		})
		if err != nil {
			return err
		}
	}
	checks, err := authz.New(cfg)
	if err != nil {
		return err
	}
	s := grpc.NewServer(append(sameOptions(), grpc.ForceServerCodecV2(authz.Codec()))...)
	checks.Listener("").Register(s)
	return serveUntilTold(socket, s)
}
