package admin

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

const (
	// maxBody is ten times a body with the longest reason and every member.
	maxBody = 16 << 10
	// maxReason is a sentence or two and a ticket's address: it is repeated in each
	// line of the ledger about the key.
	maxReason = 500
	// maxKid is the longest kid that is read from a document, in bytes.
	maxKid = 256
	// maxGrace is the longest duration of the configuration, too. It keeps sums far
	// from the end of their range.
	maxGrace = 10 * 365 * 24 * time.Hour
)

// body is what a change says beside its path.
type body struct {
	Reason     string
	Thumbprint string
	Grace      *time.Duration // nil: the issuer's
	Force      bool
	Unseen     bool
}

// members are the names that a body may have.
var members = []string{"reason", "grace", "force", "thumbprint", "unseen"}

func badRequest(format string, args ...any) *problem {
	return &problem{Status: http.StatusBadRequest, Title: "Bad request", reason: BadRequest, Detail: fmt.Sprintf(format, args...)}
}

// readBody reads the body of a change: a JSON object with members that are known,
// each once and of its type, and nothing else (RFC 7493).
func readBody(w http.ResponseWriter, r *http.Request) (b body, refused *problem) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return b, &problem{Status: http.StatusUnsupportedMediaType, Title: "Unsupported media type", reason: BadRequest,
			Detail: "the body must be JSON: send it with Content-Type: application/json"}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return b, &problem{Status: http.StatusRequestEntityTooLarge, Title: "Body too large", reason: BadRequest,
			Detail: fmt.Sprintf("the body must be at most %d bytes long", maxBody)}
	case err != nil:
		return b, badRequest("the body did not arrive: %v", err)
	case len(bytes.TrimSpace(text)) == 0:
		return b, badRequest(`the body is empty: send at least {"reason": "…"}`)
	}
	return b, b.parse(jsontext.NewDecoder(bytes.NewReader(text)))
}

func (b *body) parse(d *jsontext.Decoder) *problem {
	notJSON := func(err error) *problem {
		if syntax := new(jsontext.SyntacticError); errors.As(err, &syntax) {
			if errors.Is(err, jsontext.ErrDuplicateName) {
				return badRequest("the member %s stands twice", quote(syntax.JSONPointer.LastToken()))
			}
			return badRequest("the body is not JSON at byte %d: %v", syntax.ByteOffset, syntax.Err)
		}
		return badRequest("the body is not JSON: it ends too early")
	}
	if kind := d.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return badRequest("the body must be a JSON object, such as {\"reason\": \"…\"}, not %s", article(kind))
	}
	if _, err := d.ReadToken(); err != nil {
		return notJSON(err)
	}
	for d.PeekKind() == jsontext.KindString {
		token, err := d.ReadToken()
		if err != nil {
			return notJSON(err)
		}
		name := token.String()
		if !slices.Contains(members, name) {
			return badRequest("the member %s is not known; there are: %s", quote(name), strings.Join(members, ", "))
		}
		kind := d.PeekKind()
		if kind != jsontext.KindInvalid && !fits(name, kind) {
			return badRequest("the member %q must be %s, not %s", name, form(name), article(kind))
		}
		value, err := d.ReadToken()
		if err != nil {
			return notJSON(err)
		}
		if p := b.set(name, value); p != nil {
			return p
		}
	}
	if _, err := d.ReadToken(); err != nil { // the end of the object
		return notJSON(err)
	}
	end := d.InputOffset()
	if _, err := d.ReadToken(); err != io.EOF {
		return badRequest("there is more after the JSON object, from byte %d on", end)
	}
	return nil
}

// fits tells whether a member may be of a kind, and form how to say that.
func fits(name string, kind jsontext.Kind) bool {
	if name == "force" || name == "unseen" {
		return kind == jsontext.KindTrue || kind == jsontext.KindFalse
	}
	return kind == jsontext.KindString
}

func form(name string) string {
	if name == "force" || name == "unseen" {
		return "true or false"
	}
	return "a string"
}

func (b *body) set(name string, value jsontext.Token) *problem {
	switch name {
	case "reason":
		b.Reason = value.String()
	case "thumbprint":
		if b.Thumbprint = value.String(); b.Thumbprint == "" {
			return badRequest("thumbprint is empty: leave it out, or write the key's")
		}
	case "force":
		b.Force = value.Bool()
	case "unseen":
		b.Unseen = value.Bool()
	case "grace":
		s := value.String()
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return badRequest("grace is no duration: %s; write a number and its unit, such as 30s, 5m or 1h30m", quote(s))
		case d < 0 || d > maxGrace:
			return badRequest("grace must be between 0s and %dh, not %s", int(maxGrace.Hours()), s)
		}
		b.Grace = &d
	}
	return nil
}

func article(k jsontext.Kind) string {
	switch k {
	case jsontext.KindNull:
		return "null"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindBeginArray:
		return "an array"
	}
	return "an object"
}

// check refuses an order whose parts cannot be right, whatever keys there are.
func check(o *keyset.Order) *problem {
	switch {
	case strings.TrimSpace(o.Reason) == "":
		return badRequest("reason is missing: say why, for whoever reads the ledger")
	case len(o.Reason) > maxReason || !printable(o.Reason):
		return badRequest("reason must be one line of at most %d bytes of printable characters", maxReason)
	case o.Kid != noKid && (len(o.Kid) > maxKid || !printable(o.Kid)):
		return badRequest("a kid has at most %d bytes of printable characters: name the key by its thumbprint, with - for the kid", maxKid)
	}
	return checkThumbprint(o)
}

// noKid stands in a path for no kid.
const noKid = "-"

// checkThumbprint checks the form of a thumbprint (RFC 7638, section 3: the hash is
// SHA-256), and gives way to it where it stands alone.
func checkThumbprint(o *keyset.Order) *problem {
	if o.Kid == noKid {
		if o.Kid = ""; o.Thumbprint == "" {
			return badRequest("- for the kid means by thumbprint: say which")
		}
	}
	if o.Thumbprint == "" {
		return nil
	}
	hash, err := base64.RawURLEncoding.Strict().DecodeString(o.Thumbprint)
	if err != nil || len(hash) != 32 || len(o.Thumbprint) != 43 { // the decoder passes over line breaks
		return badRequest("%s is no thumbprint: write the 43 base64url characters of the key's SHA-256 (RFC 7638)", quote(o.Thumbprint))
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
