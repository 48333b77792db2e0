package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// written is a ledger and what was known after each of its batches.
type written struct {
	text   string
	lines  []string       // without their newlines
	states []*keyset.Set  // after each batch
	upTo   []int          // lines after each batch
	now    keyset.Instant // of the last line
}

// write plays a life into a ledger of one file.
func write(seed uint64, turns int) *written {
	now := keyset.Instant{Wall: noon, Life: noon}
	l, chain, image := newLife(seed, func() keyset.Instant { return now }), chain{head: begin}, (*image)(nil)
	w := &written{}
	for i := range turns {
		b := &batch{scroll: scroll{chain: chain}, images: map[string]*draft{}, now: now}
		if i == 0 {
			b.line(now, eventOpened, func() { b.number("format", format) })
			b.line(now, eventStarted, func() { b.text("guard", "g") })
		}
		next, events := l.turn()
		l.set = next
		d := b.draft(iss, "corp", image)
		for _, e := range events {
			b.event(d, e, true)
		}
		b.settle(d, next, i == turns-1)
		b.usage(d)
		chain, image = b.chain, &d.image
		w.text += string(b.b)
		w.lines = strings.Split(strings.TrimSuffix(w.text, "\n"), "\n")
		w.states, w.upTo, w.now = append(w.states, next), append(w.upTo, len(w.lines)), now
		for _, k := range next.Keys() {
			k.Deny()
			if k.State(now).Usable() {
				k.Allow(now.Life, now.Wall.Add(time.Hour).Truncate(time.Second), now.Wall.Truncate(time.Second))
			}
		}
		now.Wall, now.Life = now.Wall.Add(time.Minute), now.Life.Add(time.Minute)
	}
	return w
}

var fuzzLedger = sync.OnceValue(func() *written { return write(firstSeed, 40) })

// alter replaces some bytes of a text.
func alter(text string, at uint, drop uint16, put []byte) string {
	i := int(at % uint(len(text)+1))
	j := min(len(text), i+int(drop))
	return text[:i] + string(put) + text[j:]
}

// FuzzAltered alters a ledger: what is read of it all the same are lines that were
// written, as they were written and in their order, and none of what was cut out from
// between them. It opens with the records of one of the moments that were, or not at all.
func FuzzAltered(f *testing.F) {
	w := fuzzLedger()
	f.Add(uint(0), uint16(0), []byte{})
	for i, at := 0, uint(0); i < len(w.lines); i++ {
		size := uint(len(w.lines[i]) + 1)
		if i%12 != 3 { // enough to begin with
			at += size
			continue
		}
		f.Add(at, uint16(size), []byte{})             // without the line
		f.Add(at, uint16(0), []byte(w.lines[i]+"\n")) // twice
		f.Add(at+size/2, uint16(1), []byte("x"))
		f.Add(at+size-1, uint16(1), []byte{}) // joined with the next one
		at += size
		f.Add(at, ^uint16(0), []byte{}) // cut
		f.Add(at-10, ^uint16(0), []byte{})
	}
	f.Add(uint(3), uint16(0), []byte("\n"))
	f.Fuzz(func(t *testing.T, at uint, drop uint16, put []byte) {
		text := alter(w.text, at, drop, put)
		n, end := 0, error(nil)
		for l, err := range Verify(strings.NewReader(text)) {
			if end = err; err != nil {
				break
			}
			if n++; w.lines[int(l.Seq)-1] != string(l.Text) {
				t.Fatalf("line %d was never written: %s", n, l.Text)
			}
		}
		if end == nil && n > 0 && text != strings.Join(w.lines, "\n")+"\n" && !strings.Contains(w.text, text) {
			t.Fatalf("%d lines verify, and were altered: %q in place of %d bytes at %d", n, put, drop, at)
		}

		d, ctx := newDisk(), context.Background()
		d.write(fileName, text)
		l, err := Open(ctx, d.config())
		var damage *DamageError
		switch {
		case errors.As(err, &damage):
			return
		case err != nil:
			t.Fatal(err)
		}
		kept := strings.Count(text[:strings.LastIndexByte(text, '\n')+1], "\n")
		if !strings.HasPrefix(w.text, text[:strings.LastIndexByte(text, '\n')+1]) {
			t.Fatalf("opened, and it was altered: %q in place of %d bytes at %d", put, drop, at)
		}
		// Batches are written at once, but a crash may cut them anywhere: between two,
		// what is known is what was.
		if i := slices.Index(w.upTo, kept); i >= 0 {
			var keys []*keyset.Key
			for _, r := range l.Restored() {
				keys = r.Set.Keys()
			}
			want(t, keys, w.states[i])
		}
		if err := l.Release(ctx); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(d.read(fileName), text[:strings.LastIndexByte(text, '\n')+1]) {
			t.Fatal("what was read was changed")
		}
	})
}
