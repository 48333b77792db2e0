package devissuer

import (
	"encoding/json"
	"maps"
	"time"
)

// Header and Claims are the two JSON objects of a token by member name. Where
// they are laid over others, a nil value takes the member away; Null stands
// for JSON's null.
type (
	Header map[string]any
	Claims map[string]any
)

// Null is the JSON value null in Header and Claims.
var Null = json.RawMessage("null")

// StandardClaims is what a good access token says: iss, aud, sub, iat now, nbf
// now, and exp after life.
func StandardClaims(issuer, audience string, life time.Duration) Claims {
	now := time.Now()
	return Claims{
		"iss": issuer,
		"aud": audience,
		"sub": "alice",
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(life).Unix(),
	}
}

// With lays more claims over these and gives the result; a nil value removes a
// claim.
func (c Claims) With(more Claims) Claims {
	return laidOver(c, more)
}

// Token mints a token with the header that the key calls for: alg, kid and the
// typ "JWT".
func (k *Key) Token(c Claims) string {
	return k.TokenWith(nil, c)
}

// TokenWith mints a token whose header is the usual one with h laid over it.
func (k *Key) TokenWith(h Header, c Claims) string {
	header := laidOver(Header{"alg": k.Alg, "kid": k.KID, "typ": "JWT"}, h)
	return k.Raw(must(json.Marshal(header)), must(json.Marshal(laidOver(Claims{}, c))))
}

// Raw signs any header and payload bytes, JSON or not.
func (k *Key) Raw(header, payload []byte) string {
	input := b64(header) + "." + b64(payload)
	return input + "." + b64(k.Sign([]byte(input)))
}

// Join makes a token of any three parts and signs nothing.
func Join(header, payload, signature []byte) string {
	return b64(header) + "." + b64(payload) + "." + b64(signature)
}

func laidOver[M ~map[string]any](base, more M) M {
	out := maps.Clone(base)
	for name, v := range more {
		if v == nil {
			delete(out, name)
		} else {
			out[name] = v
		}
	}
	return out
}
