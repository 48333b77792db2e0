package soak

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A phase is how far the guard is with a key, as far as one can know from outside,
// with the reasons that a good token of it may get then.
type phase struct{ may []string }

var (
	secret    = &phase{[]string{"kid_unknown", "keys_unavailable"}}
	listed    = &phase{[]string{"kid_unknown", "keys_unavailable", "ok"}} // the guard may have seen that
	trusted   = &phase{[]string{"ok"}}                                    // the guard says that it is active
	withdrawn = &phase{[]string{"ok", "key_retired"}}
	retiring  = &phase{[]string{"ok", "key_retired"}} // the order is on its way
	revoking  = &phase{[]string{"ok", "key_revoked"}}
	retired   = &phase{[]string{"key_retired"}} // the guard says so: for ever
	revoked   = &phase{[]string{"key_revoked"}}
)

// A key is one of an issuer, with tokens that are sent again and again.
type key struct {
	*devissuer.Key
	issuer     *issuer
	thumbprint string
	tokens     []token
	phase      atomic.Pointer[phase]
	allowed    atomic.Int64 // checks with the reason ok
	minted     atomic.Int64
}

// repeated is how many tokens of a key are sent repeatedly.
const repeated = 16

// life of a token: longer than a key is in service.
const life = 10 * time.Minute

func newKey(i *issuer, made *devissuer.Key) *key {
	k := &key{Key: made, issuer: i, thumbprint: made.Thumbprint()}
	k.enter(secret)
	for range repeated {
		k.tokens = append(k.tokens, k.mint(life))
	}
	return k
}

func (k *key) enter(p *phase) { k.phase.Store(p) }

// over tells whether the guard has said that the key is out of service.
func (k *key) over() bool {
	p := k.phase.Load()
	return p == retired || p == revoked
}

// A token of a key. No two have the same subject, so that an answer about one that
// was made for another one shows.
type token struct {
	text    string
	key     *key
	subject string
	expires time.Time // the claim
}

// mint signs a token that is good for so long.
func (k *key) mint(life time.Duration) token {
	now := time.Now()
	t := token{key: k, subject: fmt.Sprintf("%s-user-%d", k.KID, k.minted.Add(1)), expires: now.Add(life).Truncate(time.Second)}
	t.text = k.Token(devissuer.Claims{
		"iss": k.issuer.URL, "aud": audience, "sub": t.subject,
		"iat": min(now.Unix(), t.expires.Unix()), "exp": t.expires.Unix(),
	})
	return t
}
