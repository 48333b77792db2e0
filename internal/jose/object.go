package jose

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep objects and arrays may nest in a token or a document,
// the outermost counted. Real ones stay under 6; a limit keeps what a hostile
// text costs in proportion to its length.
const MaxDepth = 32

// Object is one JSON object: its text was checked to the last level, its own
// members are at hand. The zero Object has none.
type Object struct {
	text    string
	members []member
}

type member struct {
	name  string // decoded: "\u0061lg" is "alg"
	value Value
}

// Get finds a member by its decoded name. Names are compared byte by byte
// (RFC 7515, section 5.3): "ALG" is not "alg".
func (o Object) Get(name string) (Value, bool) {
	for i := range o.members {
		if o.members[i].name == name {
			return o.members[i].value, true
		}
	}
	return "", false
}

// Text is the object as it was sent.
func (o Object) Text() string { return o.text }

// newObject finds the members in a text that checkObject let pass. They are
// appended to the given slice, so that several objects can share one.
func newObject(text string, members []member) (Object, []member) {
	from := len(members)
	i := skipSpace(text, skipSpace(text, 0)+1) // after the brace
	for text[i] != '}' {
		end := skipValue(text, i)
		name := unquote(text[i:end])
		i = skipSpace(text, skipSpace(text, end)+1) // after the colon
		end = skipValue(text, i)
		members = append(members, member{name, Value(text[i:end])})
		if i = skipSpace(text, end); text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return Object{text, members[from:]}, members
}

// checkObject wants one JSON object and nothing else but space: RFC 7493
// (UTF-8, no lone surrogates, and at every level no name twice, compared as
// decoded), no deeper than MaxDepth. The error has no kind yet.
func checkObject(text []byte) error {
	// Before the parser, which recurses.
	if tooDeep(text) {
		return fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	if jsontext.Value(text).IsValid() && jsontext.Value(text).Kind() == jsontext.KindBeginObject {
		return nil
	}
	return whyNoObject(text)
}

// tooDeep tells whether brackets outside of strings nest deeper than MaxDepth.
// In a text that is no JSON the answer may be wrong; it is refused either way.
func tooDeep(text []byte) bool {
	if bytes.Count(text, []byte{'{'})+bytes.Count(text, []byte{'['}) <= MaxDepth {
		return false
	}
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// whyNoObject reads a refused text again, slowly, for the reason.
func whyNoObject(text []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	value, err := d.ReadValue()
	if syntax := new(jsontext.SyntacticError); errors.As(err, &syntax) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("the name %s stands twice in one object", quote(syntax.JSONPointer.LastToken()))
		}
		return fmt.Errorf("not JSON at byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	switch {
	case err == io.EOF:
		return errors.New("empty")
	case err != nil:
		return err
	case value.Kind() != jsontext.KindBeginObject:
		return fmt.Errorf("not an object but %s", article(Value(value).Kind()))
	}
	return fmt.Errorf("more data after the object, at byte %d", d.InputOffset())
}

// article names a kind as a sentence does.
func article(k Kind) string {
	switch k {
	case KindNull:
		return "null"
	case KindArray, KindObject:
		return "an " + string(k)
	}
	return "a " + string(k)
}
