package ledger

import (
	"maps"
	"slices"
	"strings"
)

const (
	// maxAttrs and maxAttr bound a note, which may repeat what a stranger sent.
	maxAttrs = 32
	maxAttr  = 1024 // bytes
)

// newNote is a note of what somebody else wants on record. It cannot be taken for
// an event of the ledger's own, is bounded, and no name in it stands twice.
func newNote(event string, attrs map[string]string) note {
	if !word(event) {
		event = "note"
	}
	var e encoder
	e.b = append(e.b, '{')
	n := 0
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		if n++; n > maxAttrs {
			break
		}
		value := attrs[name]
		if len(value) > maxAttr {
			value = value[:maxAttr] + "…"
		}
		if word(name) {
			e.text(name, value)
		}
	}
	text := append(e.b, '}')
	return note{event: event, more: func(e *encoder) {
		e.name("attrs")
		e.b = append(e.b, text...)
	}}
}

// word tells whether s can name something in the file as it is.
func word(s string) bool {
	return s != "" && len(s) <= maxAttr && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}
