package jose

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The kinds of refusal. An error's own text says in one sentence what is wrong
// and where; [errors.Is] tells its kind.
var (
	// ErrTooLarge: over a limit on the size of a token, its header or a document.
	ErrTooLarge = errors.New("too large")
	// ErrMalformed: not exactly what the RFCs describe.
	ErrMalformed = errors.New("malformed")
	// ErrForbiddenHeader: a token's header has a member that is refused
	// whatever its value.
	ErrForbiddenHeader = errors.New("forbidden header")
	// ErrSignature: the signature is not one of the key over that input.
	ErrSignature = errors.New("signature invalid")
)

// fault is an error with a text of its own and the kind that it is known by.
type fault struct {
	kind error
	text string
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.kind }

func faultf(kind error, format string, args ...any) error {
	return &fault{kind, strings.Map(ascii, fmt.Sprintf(format, args...))}
}

// ascii replaces what a terminal or a log could take for something else: the JSON
// reader repeats the character at which it stopped.
func ascii(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

// maxQuoted is how much of a foreign string an error may repeat: enough to
// recognise a member's name, too little to spill a token into a log.
const maxQuoted = 32 // bytes

// quote makes a foreign string fit to stand in an error.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
