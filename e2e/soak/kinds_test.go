package soak

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A client sends shots of all kinds. It is not for use by several goroutines.
type client struct {
	*world
	chance *rand.Rand
	brief  []token // that soon expire, or have
	others []shot
}

// kinds are what clients send, with how often of a hundred. What no key decides is
// cheap, and says little the second time.
var kinds = []struct {
	share int
	make  func(*client) shot
}{
	{30, (*client).again},
	{22, (*client).fresh},
	{8, (*client).forged},
	{12, (*client).past},
	{7, (*client).expiring},
	{6, (*client).unknown},
	{3, (*client).early},
	{3, (*client).late},
	{4, (*client).other},
	{2, (*client).oversized},
	{1, (*client).none},
	{2, (*client).ofVisitor},
}

func (c *client) next() shot {
	n := c.chance.IntN(100)
	for _, k := range kinds {
		if n -= k.share; n < 0 {
			return k.make(c)
		}
	}
	panic("the shares are less than a hundred")
}

// anyIssuer is one of them; of those that sign slowly, rarely if fast is set.
func (c *client) anyIssuer(fast bool) *issuer {
	i := c.issuers[c.chance.IntN(len(c.issuers))]
	if fast && strings.HasPrefix(i.alg, "RS") && c.chance.IntN(4) > 0 {
		return c.issuers[0]
	}
	return i
}

func one[T any](c *client, all []T) T { return all[c.chance.IntN(len(all))] }

// again is a token that was sent before.
func (c *client) again() shot {
	return of("repeated", one(c, c.anyIssuer(false).signing.Load().tokens))
}

// fresh is a token that is signed for this shot.
func (c *client) fresh() shot { return of("fresh", c.anyIssuer(true).signing.Load().mint(life)) }

// past is a token of any key that is, or was once, in service.
func (c *client) past() shot {
	return of("of any key", one(c, one(c, c.anyIssuer(false).recent()).tokens))
}

// forged is a token with another signature, or with the signature of another token.
func (c *client) forged() shot {
	s := of("forged", one(c, c.anyIssuer(false).signing.Load().tokens))
	parts := strings.Split(s.token.text, ".")
	if c.chance.IntN(2) == 0 {
		other := strings.Split(s.token.key.mint(life).text, ".")
		return s.instead(parts[0]+"."+other[1]+"."+parts[2], "signature_invalid")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		panic(err)
	}
	signature[c.chance.IntN(len(signature))] ^= 1 << c.chance.IntN(8)
	return s.instead(parts[0]+"."+parts[1]+"."+base64.RawURLEncoding.EncodeToString(signature), "signature_invalid")
}

// expiring is a token that expires between the first time it is sent and the last
// one, or that did before.
func (c *client) expiring() shot {
	const kept, gone = 8, 2 * time.Second
	if len(c.brief) > 0 && time.Since(c.brief[0].expires) > skew+gone {
		c.brief = c.brief[1:]
	}
	if len(c.brief) < kept {
		k := c.anyIssuer(true).signing.Load()
		c.brief = append(c.brief, k.mint(between(c.chance, -2*skew, 2*skew)))
	}
	return of("expiring", one(c, c.brief))
}

// unknown is a token with a kid that no key has.
func (c *client) unknown() shot {
	i := c.anyIssuer(true)
	k := i.signing.Load().Renamed(fmt.Sprintf("unknown-%d", c.chance.IntN(1e9)))
	s := shot{kind: "of an unknown kid", issuer: i, may: []string{"kid_unknown", "keys_unavailable"}}
	s.credential = "Bearer " + k.Token(devissuer.StandardClaims(i.URL, audience, life))
	return s
}

// early is a token of a key that is about to be listed.
func (c *client) early() shot {
	if k := c.anyIssuer(false).next.Load(); k != nil {
		return of("early", one(c, k.tokens))
	}
	return c.again()
}

// late is a token that its issuer should not have signed with this key any more.
func (c *client) late() shot {
	recent := c.anyIssuer(true).recent()
	for n := len(recent) - 1; n >= 0; n-- {
		if k := recent[n]; k.phase.Load() == withdrawn || k.over() {
			s := of("late", k.mint(life))
			s.late = true
			return s
		}
	}
	return c.again()
}

// ofVisitor is a token of the issuer that comes and goes.
func (c *client) ofVisitor() shot {
	t := c.visitor.signing.Load().mint(life)
	s := of("of the visitor", t)
	s.may = []string{"issuer_unknown", "keys_unavailable", "keys_stale", "kid_unknown"}
	return s
}
