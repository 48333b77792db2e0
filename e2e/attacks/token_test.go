package attacks

import (
	"crypto/hmac"
	"fmt"
	"strings"
	"text/template"
)

// The clock of the corpus stands: 2027-01-15T08:00:00Z. Claims can be read against
// it without arithmetic.
const now = 1800000000

// parts are what the templates of a case can name, encoded as they stand in a token.
type parts struct {
	Header, Payload, Signature string
	Input                      string // header.payload, as signed
	Token                      string // the whole of it
	Good                       string // the good token that it was made of
	Other                      string // another good token: Bob's
	from                       *key
	signed                     []byte
}

// goodHeader and goodPayload are those of the good token of a key.
func goodHeader(k *key) string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, k.alg, k.kid)
}

func goodPayload(iss, sub string) string {
	return fmt.Sprintf(`{"iss":%q,"aud":"payments-api","sub":%q,"scope":"payments read","tenant":"acme","iat":1799999400,"nbf":1799999400,"exp":1800000600}`, iss, sub)
}

func (k *key) token(header, payload string) string {
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	return input + "." + encode(k.sign(k.alg, input, 0))
}

// make follows the recipe.
func (r recipe) make() (p parts, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the token cannot be made: %v", v)
		}
	}()
	kid, iss := r.From, issuers[r.Issuer]
	if kid == "" {
		kid = "ec"
	}
	if r.Issuer == "" {
		iss = issuers["corp"]
	}
	from := keys()[kid]
	if from == nil || iss == "" {
		return p, fmt.Errorf("from %q, issuer %q: not in the world of the corpus", r.From, r.Issuer)
	}
	header, payload := goodHeader(from), goodPayload(iss, "alice")
	p = parts{from: from, Good: from.token(header, payload), Other: from.token(header, goodPayload(iss, "bob"))}
	p.Header = encode([]byte(r.Header.apply(header, &p)))
	p.Payload = encode([]byte(r.Payload.apply(payload, &p)))
	p.Input = p.fill(r.Input, p.Header+"."+p.Payload)
	p.signed = r.Sign.sign(from, p.Input)
	p.Signature = encode(p.signed)
	p.Token = p.fill(r.Text, p.Input+"."+p.Signature)
	return p, nil
}

func (e edit) apply(text string, p *parts) string {
	switch {
	case e.Text != "":
		return p.fill(e.Text, "")
	case e.Add != "":
		return strings.TrimSuffix(text, "}") + "," + p.fill(e.Add, "") + "}"
	case e.First != "":
		return "{" + p.fill(e.First, "") + "," + strings.TrimPrefix(text, "{")
	case e.Replace != change{}:
		if strings.Count(text, e.Replace.Old) != 1 {
			panic(fmt.Sprintf("%q does not stand once in %s", e.Replace.Old, text))
		}
		return strings.Replace(text, e.Replace.Old, p.fill(e.Replace.New, ""), 1)
	}
	return text
}

func (s signing) sign(from *key, input string) []byte {
	if s.MAC != "" {
		secret, ok := encodings(from.signer.Public())[s.MAC]
		if !ok {
			panic("no such encoding: " + s.MAC)
		}
		mac := hmac.New(hashes[s.Alg[2:]].New, secret)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
	by := from
	if s.Key != "" {
		by = keys()[s.Key]
	}
	alg := s.Alg
	if alg == "" {
		alg = by.alg
	}
	return by.sign(alg, input, s.Salt)
}

// fill fills a template in; an empty one gives the other text.
func (p *parts) fill(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	t := must(template.New("case").Option("missingkey=error").Funcs(p.words()).Parse(text))
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		panic(err)
	}
	return b.String()
}
