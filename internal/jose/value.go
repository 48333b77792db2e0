package jose

import (
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is the text of one JSON value that was found valid, without the space
// around it. The zero Value stands for no value, and every reader refuses it.
//
// Strings that are read from it share the memory of the whole token or document;
// whoever keeps one for longer clones it.
type Value string

// Kind is the type of a JSON value, in the words of RFC 8259, section 3.
type Kind string

// The kinds of a [Value]. The zero Value has none.
const (
	KindNull    Kind = "null"
	KindBoolean Kind = "boolean"
	KindNumber  Kind = "number"
	KindString  Kind = "string"
	KindArray   Kind = "array"
	KindObject  Kind = "object"
)

// Kind tells the type of the value.
func (v Value) Kind() Kind {
	if v == "" {
		return ""
	}
	switch v[0] {
	case 'n':
		return KindNull
	case 't', 'f':
		return KindBoolean
	case '"':
		return KindString
	case '[':
		return KindArray
	case '{':
		return KindObject
	}
	return KindNumber
}

// String is the decoded string, if the value is one.
func (v Value) String() (string, bool) {
	if v.Kind() != KindString {
		return "", false
	}
	return unquote(string(v)), true
}

// Integer is the number, if the value is one that is written as a plain integer
// (a minus sign or none, digits, no fraction, no exponent) and fits an int64.
func (v Value) Integer() (int64, bool) {
	if v.Kind() != KindNumber {
		return 0, false
	}
	// ParseInt knows neither fraction nor exponent in base 10, and what it
	// knows beyond JSON (a plus sign) is no valid JSON.
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0, false
	}
	return n, true
}

// endOfTime is the first second after the year 9999, as Unix time: no honest
// document speaks of it, and RFC 3339 cannot write it.
const endOfTime = 253402300800

// NumericDate is the time in seconds since 1970 (RFC 7519, section 2), if the
// value is one in whole seconds. The RFC would allow fractions; integers are what
// every issuer writes, and leave nothing to rounding.
func (v Value) NumericDate() (int64, bool) {
	n, ok := v.Integer()
	return n, ok && n >= 0 && n < endOfTime
}

// Bool is the boolean, if the value is one.
func (v Value) Bool() (value, ok bool) {
	return v == "true", v.Kind() == KindBoolean
}

// Strings are the decoded elements, if the value is an array of nothing but
// strings; it may be empty.
func (v Value) Strings() ([]string, bool) {
	if v.Kind() != KindArray {
		return nil, false
	}
	all := make([]string, 0, 4)
	for e := range v.elements() {
		s, ok := e.String()
		if !ok {
			return nil, false
		}
		all = append(all, s)
	}
	return all, true
}

// elements are the values of an array.
func (v Value) elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		s := string(v)
		for i := skipSpace(s, 1); s[i] != ']'; {
			end := skipValue(s, i)
			if !yield(Value(s[i:end])) {
				return
			}
			if i = skipSpace(s, end); s[i] == ',' {
				i = skipSpace(s, i+1)
			}
		}
	}
}

// unquote decodes a valid JSON string. One without escapes, which is nearly
// every one, costs no memory.
func unquote(quoted string) string {
	if plain := quoted[1 : len(quoted)-1]; strings.IndexByte(plain, '\\') < 0 {
		return plain
	}
	b, _ := jsontext.AppendUnquote(nil, quoted) // valid since it was read
	return string(b)
}

// The functions below walk over text that jsontext found valid, so they need
// not look for its end.

// skipValue gives the end of the value that begins at i.
func skipValue(s string, i int) int {
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{', '[':
		return skipNested(s, i)
	}
	for i < len(s) && s[i] != ',' && s[i] != '}' && s[i] != ']' && !isSpace(s[i]) {
		i++
	}
	return i
}

func skipString(s string, i int) int {
	for i++; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func skipNested(s string, i int) int {
	for depth := 0; ; {
		switch s[i] {
		case '"':
			i = skipString(s, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
}

func skipSpace(s string, i int) int {
	for isSpace(s[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
