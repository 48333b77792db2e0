package harness

import (
	"bytes"
	"context"
	"strings"
	"sync"
)

// Lines collects what a process writes, line by line, and lets others wait for
// a line. It keeps everything: it serves runs of seconds, not services.
type Lines struct {
	mu      sync.Mutex
	partial []byte
	lines   []string
	changed chan struct{} // closed and replaced at each new line
}

// NewLines makes an empty collection.
func NewLines() *Lines { return &Lines{changed: make(chan struct{})} }

// Write implements io.Writer.
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, b...)
	for {
		line, rest, ok := bytes.Cut(l.partial, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		l.lines = append(l.lines, string(line))
		l.partial = rest
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// Len is how many whole lines there are.
func (l *Lines) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// String is everything so far, an unfinished line included.
func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(append(l.lines[:len(l.lines):len(l.lines)], string(l.partial)), "\n")
}

// Next gives the first line from index from on that match accepts, and the
// index behind it. It waits for one until ctx ends.
func (l *Lines) Next(ctx context.Context, from int, match func(string) bool) (line string, next int, err error) {
	for {
		l.mu.Lock()
		lines, changed := l.lines, l.changed
		l.mu.Unlock()
		for ; from < len(lines); from++ {
			if match(lines[from]) {
				return lines[from], from + 1, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", from, ctx.Err()
		}
	}
}
