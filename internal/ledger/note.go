package ledger

import (
	"context"
	"maps"
	"slices"
	"strings"
)

const (
	// maxAttrs and maxAttr bound a note, which may repeat what a stranger sent.
	maxAttrs = 32
	maxAttr  = 1024 // bytes
)

// Note puts something else on record, such as a refused order. It never blocks;
// while the disk fails, the newest are left out. The event and the names are words
// of a-z, 0-9 and _.
func (l *Ledger) Note(event string, attrs map[string]string) {
	l.note(event, attrs, false)
}

// Account puts on record what was counted of all keys until now, with a note that
// says why, and waits until both are durable; the error says why they are not yet.
// Without it, usage is written every 5 minutes.
func (l *Ledger) Account(ctx context.Context, event string, attrs map[string]string) error {
	n, ok := l.note(event, attrs, true)
	if !ok {
		return ErrReleased
	}
	return l.await(ctx, n)
}

// note takes a note in, and has usage written with it or not. ok is false once the
// ledger is released; n is the number of the call.
func (l *Ledger) note(event string, attrs map[string]string, usage bool) (n uint64, ok bool) {
	m := newNote(event, attrs)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released {
		return 0, false
	}
	m.at = l.clock()
	l.n++
	l.queue.admit(item{n: l.n, note: &m})
	l.queue.upTo, l.queue.usage = l.n, l.queue.usage || usage
	l.signal()
	return l.n, true
}

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
