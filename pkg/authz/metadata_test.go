package authz

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// What is said about a decision is about this one, whatever was said before, and
// whoever else is being told something.
func TestPreparedMetadataIsThatOfTheDecision(t *testing.T) {
	var p prepared
	policy := &verify.Policy{Name: "default"}
	var tellers sync.WaitGroup
	for seed := range uint64(4) {
		tellers.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 5000 {
				d := verify.Decision{
					Verdict: []verify.Verdict{verify.Allow, verify.Deny, verify.ShadowDeny}[random.IntN(3)],
					Reason:  []verify.Reason{verify.OK, verify.TokenExpired, verify.KeyRetired, verify.TokenMissing}[random.IntN(4)],
					Policy:  policy,
				}
				if random.IntN(4) > 0 {
					d.Issuer = &verify.Issuer{Name: fmt.Sprint("issuer-", random.IntN(2))}
					d.Key = &keyset.Key{Thumbprint: fmt.Sprint(random.IntN(9))}
					d.Kid, d.Alg = fmt.Sprint("kid-", random.IntN(2)), []string{"ES256", "EdDSA"}[random.IntN(2)]
					d.State = []keyset.State{keyset.Active, keyset.Grace}[random.IntN(2)]
				}
				if got, want := p.metadata(&d), factsOf(&d).encode(); !bytes.Equal(got, want) {
					t.Errorf("said %q, want %q", got, want)
					return
				}
			}
		})
	}
	tellers.Wait()
}

// What was said before is not made anew.
func TestMetadataIsPrepared(t *testing.T) {
	var p prepared
	d := accepted(bearer("default"))
	p.metadata(&d)
	if n := testing.AllocsPerRun(100, func() { p.metadata(&d) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
