package ledger

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// recentFiles bounds the files that are looked through for what happened lately, of
// 32 MiB or so each: a guard waits for it when it starts.
const recentFiles = 2

// Recent gives the newest lines that are of the life of keys, so many at most and
// the oldest first. Each is an object of JSON with the members of its line, but for
// the record of the key and the hash: it is for people, and proves nothing. Lines
// that are damaged are left out.
func (l *Ledger) Recent(ctx context.Context, most int) ([][]byte, error) {
	t, err := follow(ctx, l.cfg.Files, l.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for i := range min(recentFiles, len(t.parts)) {
		if len(found) >= most {
			break
		}
		lines, err := t.lives(ctx, t.parts[len(t.parts)-1-i], most-len(found))
		if err != nil {
			return nil, err
		}
		found = append(lines, found...)
	}
	return found, nil
}

// lives gives the newest lines of a file that are of the life of keys.
func (t *trail) lives(ctx context.Context, p part, most int) (found [][]byte, err error) {
	err = t.read(ctx, p, func(text []byte, _ int) error {
		l := line{}
		if _, ok := l.head(text); !ok || !l.ofLife() {
			return nil // most lines are of use, and need no closer look
		}
		if l, err := parse(text); err == nil {
			found = append(found, l.brief())
		}
		if n := len(found) - most; n >= most {
			found = slices.Delete(found, 0, n)
		}
		return nil
	})
	return found[max(0, len(found)-most):], err
}

// ofLife tells whether the line is one of those of [keyset.EventType].
func (l *line) ofLife() bool {
	switch event := string(l.event); event {
	case eventRecord, eventForgotten:
		return false
	default:
		return strings.HasPrefix(event, "key_") || strings.HasPrefix(event, "kid_") || event == string(keyset.EventAnomaly)
	}
}

// brief is the line without the hash, and without the record, which may be long.
func (l *line) brief() []byte {
	text := bytes.TrimSuffix(l.text[:len(l.text)-hashTail], l.key) // it stands last
	return append(bytes.Clone(bytes.TrimSuffix(text, []byte(`,"key":`))), '}')
}
