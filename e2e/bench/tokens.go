package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// signer is a key in an issuer's service.
type signer struct {
	issuer *devissuer.Issuer
	key    *devissuer.Key
}

// stride is by how much the next token's signer is further on: a prime, so that
// tokens in turn are of issuers and keys far apart.
const stride = 7919

// mint makes so many tokens of signers in turn. Each is different.
func mint(n int, signers ...signer) []string {
	tokens := make([]string, n)
	var minting sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		minting.Go(func() {
			for i := w; i < n; i += workers {
				s := signers[i*stride%len(signers)]
				tokens[i] = s.key.Token(claims(s.issuer).With(devissuer.Claims{"sub": fmt.Sprintf("user-%d", i), "scope": "orders:read orders:write"}))
			}
		})
	}
	minting.Wait()
	return tokens
}

// claims are those of a good token.
func claims(issuer *devissuer.Issuer) devissuer.Claims {
	return devissuer.StandardClaims(issuer.URL, audience, time.Hour)
}

// coldEnough is how many tokens of a key cold checks need, under so many policies,
// for all that a plan measures at full load and at half of it: as many as these
// cores could check if they did nothing else, and some more.
func (p plan) coldEnough(policies int, key *devissuer.Key) (int, error) {
	const margin, sample = 1.2, 50 * time.Millisecond
	bare, err := bareCheck(key, mint(1, signer{devissuer.New("https://issuer.example.com"), key}), sample)
	if err != nil {
		return 0, err
	}
	perSecond := margin * float64(runtime.NumCPU()) / bare.cpu.Seconds()
	return max(100, int(p.length.Seconds()*float64(p.rounds)*1.5*perSecond)/policies), nil
}
