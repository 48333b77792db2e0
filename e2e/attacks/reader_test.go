package attacks

import (
	"testing"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// TestReaderRefusesEveryAttack tries the tokens on the token reader, without a token
// cache and with one that knows the good tokens that they were made of.
func TestReaderRefusesEveryAttack(t *testing.T) {
	bare, cached := verifier(t, 0), verifier(t, cacheBytes)
	for name, p := range goodTokens(t) {
		if o := read(bare, "default", p.Token); !o.passes {
			t.Errorf("good token of %s: %s", name, o.reason)
		}
	}
	for _, a := range cases(t) {
		if !a.token() {
			continue // there is nothing wrong with the token
		}
		t.Run(a.id, func(t *testing.T) {
			p := good(t, a.Token)
			read(cached, a.Policy, p.Good)
			for name, v := range map[string]*verify.Verifier{"bare": bare, "cached": cached} {
				if err := a.fails(read(v, a.Policy, p.Token)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// read has a token judged as a server would after it found it.
func read(v *verify.Verifier, policy, token string) outcome {
	d := v.Decide(v.Policy(policy), token, at(0))
	o := outcome{passes: d.OK(), reason: string(d.Reason), upstream: map[string]string{}}
	for _, h := range d.Headers {
		o.upstream[h.Name] = h.Value
	}
	return o
}
