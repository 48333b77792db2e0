package mutant

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Compact is the compact form of a token whose form is not looked at: of a JSON
// serialization the first signature, of parts that are too many the first three, and
// missing ones are empty.
func Compact(token string) string {
	var s struct {
		Payload, Protected, Signature string
		Signatures                    []struct{ Protected, Signature string }
	}
	if Off("compact-form") && json.Unmarshal([]byte(token), &s) == nil {
		if len(s.Signatures) > 0 {
			s.Protected, s.Signature = s.Signatures[0].Protected, s.Signatures[0].Signature
		}
		return s.Protected + "." + s.Payload + "." + s.Signature
	}
	if Off("two-dots") {
		parts := strings.FieldsFunc(token, func(r rune) bool { return r == '.' })
		parts = append(parts, "", "", "")
		return strings.Join(parts[:3], ".")
	}
	return token
}

// Base64 is a text that a careless decoder can decode: without what is no character
// of base64, and with the standard alphabet for that of URLs.
func Base64(s string) string {
	if Off("base64-line-ends") {
		s = strings.NewReplacer("\r", "", "\n", "").Replace(s)
	}
	if Off("base64-alphabet") {
		s = strings.Map(func(r rune) rune {
			switch {
			case r == '+':
				return '-'
			case r == '/':
				return '_'
			case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '\n' || r == '\r':
				return r
			}
			return -1
		}, s)
	}
	return s
}

// JSON are the options of a careless JSON reader.
func JSON() []jsontext.Options {
	return []jsontext.Options{jsontext.AllowDuplicateNames(Off("json-names")), jsontext.AllowInvalidUTF8(Off("json-unicode"))}
}

// Alg is the algorithm of an issuer that a careless reader sees in a name.
func Alg(name string, allowed []string) string {
	name, _, _ = strings.Cut(strings.TrimSpace(name), "\x00")
	for _, a := range allowed {
		if strings.EqualFold(a, name) {
			return a
		}
	}
	return name
}

// laxities are what JSON readers in the wild take for JSON, and what they read.
var laxities = []struct {
	is   *regexp.Regexp
	read string
}{
	{regexp.MustCompile(`/\*.*?\*/|//[^\n]*\n`), ""},
	{regexp.MustCompile(`\b(NaN|Infinity)\b`), "253402300799"},
	{regexp.MustCompile(`:\+`), ":"},
	{regexp.MustCompile(`:0+([1-9])`), ":$1"},
	{regexp.MustCompile(`:0x6b49d458`), ":1800000600"},
	{regexp.MustCompile(`,\s*}`), "}"},
	{regexp.MustCompile(`'`), `"`},
	{regexp.MustCompile(`([{,])(\w+):`), `$1"$2":`},
	{regexp.MustCompile(`\\(x61|a)`), "a"},
	{regexp.MustCompile("\t"), `\t`},
}

// Object is the JSON object that a careless reader finds in a text: the first, in
// any of the dialects, whatever stands around it.
func Object(text []byte) []byte {
	out := bytes.Clone(text)
	if Off("json-grammar") {
		for _, l := range laxities {
			out = l.is.ReplaceAll(out, []byte(l.read))
		}
	}
	if inner := strings.Split(string(out), "."); Off("not-nested") && len(inner) == 3 && out[0] != '{' {
		if payload, err := base64.RawURLEncoding.DecodeString(inner[1]); err == nil {
			out = payload // whoever signed it
		}
	}
	if Off("json-alone") {
		out = out[max(bytes.IndexByte(out, '{'), 0):]
		if v, err := jsontext.NewDecoder(bytes.NewReader(out)).ReadValue(); err == nil {
			out = bytes.Clone(v)
		}
	}
	return out
}

// Value is one of the values that a header joins: the one that looks like a token.
func Value(b []byte) []byte {
	if !Off("one-value") {
		return b
	}
	s := string(b)
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); len(part) > 7 && strings.EqualFold(part[:7], "bearer ") {
			return []byte(part)
		}
	}
	first, _, _ := strings.Cut(s, ",")
	return []byte(first)
}

// Spaces are what may stand between the scheme and the token.
func Spaces() string {
	if Off("one-space") {
		return " \t:\"="
	}
	return " "
}

// Spellings are the spellings of a header's name that are thought of.
func Spellings(all []string) []string {
	if Off("identity-spellings") {
		return all[:1]
	}
	return all
}
