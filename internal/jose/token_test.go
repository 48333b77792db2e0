package jose

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	goodHeader  = `{"alg":"ES256","kid":"k"}`
	goodPayload = `{"iss":"https://issuer.example.com","exp":1798765200}`
)

func TestReadTakesTokenApart(t *testing.T) {
	token := compact(goodHeader, goodPayload)
	got, err := Read(token)
	if err != nil {
		t.Fatal(err)
	}
	if got.Header.Text() != goodHeader || got.Claims.Text() != goodPayload {
		t.Errorf("texts are %s and %s", got.Header.Text(), got.Claims.Text())
	}
	parts := strings.Split(token, ".")
	if got.SigningInput != parts[0]+"."+parts[1] || got.Payload != parts[1] || string(got.Signature) != "sig" {
		t.Errorf("got %q, %q, %q", got.SigningInput, got.Payload, got.Signature)
	}
	names := func(o Object) (all []string) {
		for _, m := range o.members {
			all = append(all, m.name)
		}
		return all
	}
	if diff := cmp.Diff([][]string{{"alg", "kid"}, {"iss", "exp"}}, [][]string{names(got.Header), names(got.Claims)}); diff != "" {
		t.Error(diff)
	}
}

// What is unusual but allowed must stay allowed: judging it is for later steps.
func TestReadLeavesValuesAlone(t *testing.T) {
	nested := func(levels int) string {
		return strings.Repeat(`{"a":`, levels-1) + `{}` + strings.Repeat(`}`, levels-1)
	}
	for name, token := range map[string]string{
		"alg none, no signature":  strings.TrimSuffix(compact(`{"alg":"none"}`, goodPayload), "c2ln"),
		"alg absent":              compact(`{}`, goodPayload),
		"alg null":                compact(`{"alg":null}`, goodPayload),
		"alg an array":            compact(`{"alg":["ES256"]}`, goodPayload),
		"names in another case":   compact(`{"ALG":"HS256","alg":"ES256","Crit":["x"],"JWK":{}}`, goodPayload),
		"forbidden name deeper":   compact(`{"alg":"ES256","x":{"jwk":{}}}`, goodPayload),
		"forbidden name as claim": compact(goodHeader, `{"jwk":{},"enc":"x"}`),
		"space around and inside": compact(" {\r\n\t\"alg\" : \"ES256\" , \"x\" : [ 1 , { } ] } \n", " { } "),
		"no claims":               compact(goodHeader, `{}`),
		"huge number":             compact(goodHeader, `{"exp":1e400}`),
		"same name elsewhere":     compact(goodHeader, `{"a":{"exp":1},"b":{"exp":1},"exp":1}`),
		"32 levels":               compact(goodHeader, nested(MaxDepth)),
		"brackets in strings":     compact(goodHeader, `{"a":"`+strings.Repeat(`[{\"`, 40)+`"}`),
		"as many brackets aside":  compact(goodHeader, `{"a":[`+strings.Repeat(`{},`, 40)+`{}]}`),
		"header of 2048":          compact(`{"a":"`+strings.Repeat("x", 1536-8)+`"}`, goodPayload),
		"token of 8192":           tokenOf(t, MaxTokenSize),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(token); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

// tokenOf is a token of exactly that many characters.
func tokenOf(t *testing.T, size int) string {
	t.Helper()
	token := compact(goodHeader, goodPayload+"  ") // such that 8192 is a possible size
	return token + strings.Repeat("A", size-len(token))
}

func TestReadRefuses(t *testing.T) {
	part := func(text string) string { return encode([]byte(text)) }
	h, p := part(goodHeader), part(goodPayload)
	for name, c := range map[string]struct {
		token string
		kind  error
		text  string
	}{
		"8193 characters":   {tokenOf(t, MaxTokenSize+1), ErrTooLarge, "token: 8193 characters, at most 8192 are read"},
		"8193 dots":         {strings.Repeat(".", 8193), ErrTooLarge, "token: 8193 characters, at most 8192 are read"},
		"header of 2049":    {strings.Repeat("A", 2049) + "..", ErrTooLarge, "header: 2049 characters, at most 2048 are read"},
		"nothing":           {"", ErrMalformed, "token: 0 dots, a compact JWS has 2"},
		"8192 dots":         {strings.Repeat(".", 8192), ErrMalformed, "token: 8192 dots, a compact JWS has 2"},
		"detached":          {h + "." + p, ErrMalformed, "token: 1 dots, a compact JWS has 2"},
		"JWE":               {h + "...." + p, ErrMalformed, "token: 4 dots, a compact JWS has 2"},
		"dot in front":      {".." + h + "." + p + ".x", ErrMalformed, "token: 4 dots, a compact JWS has 2"},
		"JSON flattened":    {`{"payload":"` + p + `","protected":"` + h + `","signature":"c2ln"}`, ErrMalformed, "token: 0 dots, a compact JWS has 2"},
		"only dots":         {"..", ErrMalformed, "header: empty"},
		"no header":         {"." + p + ".c2ln", ErrMalformed, "header: empty"},
		"no payload":        {h + "..c2ln", ErrMalformed, "payload: empty"},
		"only space":        {part("  ") + "." + p + ".", ErrMalformed, "header: empty"},
		"space before":      {" " + h + "." + p + ".c2ln", ErrMalformed, "header: not base64url at character 0"},
		"space after":       {h + "." + p + ".c2ln ", ErrMalformed, "signature: not base64url at character 4"},
		"newline after":     {h + "." + p + ".c2ln\n", ErrMalformed, "signature: not base64url at character 4"},
		"newline inside":    {h + "." + p[:4] + "\n" + p[4:] + ".c2ln", ErrMalformed, "payload: not base64url at character 4"},
		"return inside":     {h[:4] + "\r" + h[4:] + "." + p + ".c2ln", ErrMalformed, "header: not base64url at character 4"},
		"padding":           {h + "." + p + ".c2k=", ErrMalformed, "signature: not base64url at character 3"},
		"empty padding":     {h + "." + p + ".c2ln=", ErrMalformed, "signature: not base64url at character 4"},
		"standard alphabet": {h + "." + p + ".+/+/", ErrMalformed, "signature: not base64url at character 0"},
		"percent":           {h + "." + p + ".c2%6E", ErrMalformed, "signature: not base64url at character 2"},
		"NUL":               {h + "." + p + ".c2l\x00", ErrMalformed, "signature: not base64url at character 3"},
		"not ASCII":         {h + "." + p + ".c2lé", ErrMalformed, "signature: not base64url at character 3"},
		"stray bits":        {h + "." + p + ".c2l", ErrMalformed, "signature: not base64url at character 2"},
		"one character":     {h + "." + p + ".c2lnA", ErrMalformed, "signature: not base64url at character 4"},

		"byte order mark":         {compact("\ufeff"+goodHeader, goodPayload), ErrMalformed, "header: not JSON at byte 0: invalid character '\\ufeff' at start of value"},
		"UTF-16":                  {compact("{\x00}\x00", goodPayload), ErrMalformed, `header: not JSON at byte 1: invalid character '\x00' at start of string (expecting '"')`},
		"not JSON":                {compact("alg=ES256", goodPayload), ErrMalformed, "header: not JSON at byte 0: invalid character 'a' at start of value"},
		"truncated":               {compact(goodHeader, `{"exp":1`), ErrMalformed, "payload: not JSON at byte 8: unexpected EOF"},
		"comma at the end":        {compact(goodHeader, `{"exp":1,}`), ErrMalformed, `payload: not JSON at byte 9: invalid character '}' at start of string (expecting '"')`},
		"NaN":                     {compact(goodHeader, `{"exp":NaN}`), ErrMalformed, "payload: not JSON at byte 7: invalid character 'N' at start of value"},
		"leading zero":            {compact(goodHeader, `{"exp":01}`), ErrMalformed, "payload: not JSON at byte 8: invalid character '1' after object value (expecting ',' or '}')"},
		"invalid UTF-8":           {compact(goodHeader, "{\"sub\":\"\xff\"}"), ErrMalformed, "payload: not JSON at byte 8: invalid UTF-8"},
		"overlong UTF-8":          {compact(goodHeader, "{\"sub\":\"\xc0\xaf\"}"), ErrMalformed, "payload: not JSON at byte 8: invalid UTF-8"},
		"lone surrogate":          {compact(goodHeader, `{"sub":"\ud800"}`), ErrMalformed, "payload: not JSON at byte 8: invalid surrogate pair `\\ud800\"}` in string"},
		"control character":       {compact(goodHeader, "{\"sub\":\"\n\"}"), ErrMalformed, `payload: not JSON at byte 8: invalid character '\n' in string (expecting non-control character)`},
		"array":                   {compact(`[{"alg":"ES256"}]`, goodPayload), ErrMalformed, "header: not an object but an array"},
		"string":                  {compact(goodHeader, `"{}"`), ErrMalformed, "payload: not an object but a string"},
		"null":                    {compact(goodHeader, `null`), ErrMalformed, "payload: not an object but null"},
		"number":                  {compact(goodHeader, ` 1`), ErrMalformed, "payload: not an object but a number"},
		"boolean":                 {compact(goodHeader, `true`), ErrMalformed, "payload: not an object but a boolean"},
		"two objects":             {compact(goodHeader, `{} {}`), ErrMalformed, "payload: more data after the object, at byte 2"},
		"NUL after":               {compact(goodHeader+"\x00", goodPayload), ErrMalformed, "header: more data after the object, at byte 25"},
		"alg twice":               {compact(`{"alg":"ES256","alg":"none"}`, goodPayload), ErrMalformed, `header: the name "alg" stands twice in one object`},
		"alg twice, escaped":      {compact(`{"alg":"ES256","\u0061lg":"none"}`, goodPayload), ErrMalformed, `header: the name "alg" stands twice in one object`},
		"exp twice":               {compact(goodHeader, `{"exp":1,"sub":"x","exp":2}`), ErrMalformed, `payload: the name "exp" stands twice in one object`},
		"twice, deep":             {compact(goodHeader, `{"a":[{"b":{"c":1,"\u0063":1}}]}`), ErrMalformed, `payload: the name "c" stands twice in one object`},
		"twice, long":             {compact(goodHeader, `{"`+strings.Repeat("x", 99)+`":1,"`+strings.Repeat("x", 99)+`":1}`), ErrMalformed, `payload: the name "` + strings.Repeat("x", 32) + `"... stands twice in one object`},
		"twice, with line breaks": {compact(goodHeader, `{"\r\n":1,"\r\n":1}`), ErrMalformed, `payload: the name "\r\n" stands twice in one object`},
		"33 objects":              {compact(goodHeader, strings.Repeat(`{"a":`, 33)+"1"+strings.Repeat("}", 33)), ErrMalformed, "payload: nested deeper than 32 levels"},
		"33 levels, mixed":        {compact(goodHeader, `{"a":`+strings.Repeat(`[`, 32)+strings.Repeat("]", 32)+`}`), ErrMalformed, "payload: nested deeper than 32 levels"},
		"33 levels after a quote": {compact(goodHeader, `{"\"":`+strings.Repeat(`[`, 32)+strings.Repeat("]", 32)+`}`), ErrMalformed, "payload: nested deeper than 32 levels"},
		"4000 levels, open":       {compact(goodHeader, strings.Repeat("[", 4000)), ErrMalformed, "payload: nested deeper than 32 levels"},
		"header fails first":      {compact("{", "{"), ErrMalformed, "header: not JSON at byte 1: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(c.token)
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			if err.Error() != c.text {
				t.Errorf("got  %s\nwant %s", err, c.text)
			}
		})
	}
}

// The value does not matter: a header that is there and harmless today invites
// one that is not.
func TestReadRefusesHeadersThatChooseTheKeyOrTheForm(t *testing.T) {
	for _, name := range []string{"crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc"} {
		for _, value := range []string{"null", "true", "false", `""`, `[]`, `{}`, `["exp"]`, `"DEF"`} {
			for _, header := range []string{
				`{"alg":"ES256","kid":"k","` + name + `":` + value + `}`,
				`{"\u00` + hexOf(name[0]) + name[1:] + `":` + value + `,"alg":"ES256"}`,
			} {
				_, err := Read(compact(header, goodPayload))
				if !errors.Is(err, ErrForbiddenHeader) {
					t.Fatalf("%s: got %v", header, err)
				}
				if want := "header: " + name + ": must not be there"; err.Error() != want {
					t.Errorf("%s: got %q, want %q", header, err, want)
				}
			}
		}
	}
}

func hexOf(c byte) string { return string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]) }

// A pooled buffer is used for the next token: what was read must not change.
func TestReadTokensDoNotShareMemory(t *testing.T) {
	first, err := Read(compact(goodHeader, goodPayload))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := Read(compact(`{"alg":"XXXXX","kid":"X"}`, `{"iss":"XXXXXXXXXXXXXXXXXXXXXXXXXX","exp":9999999999}`)); err != nil {
			t.Fatal(err)
		}
	}
	if first.Header.Text() != goodHeader || first.Claims.Text() != goodPayload {
		t.Errorf("changed to %s and %s", first.Header.Text(), first.Claims.Text())
	}
}
