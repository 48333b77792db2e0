package ledger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// seeds are ledgers, whole and broken.
func seeds(f *testing.F) {
	s := &batch{scroll: scroll{chain: chain{head: begin}}, images: map[string]*draft{}, now: keyset.Instant{Wall: noon, Life: noon}}
	s.line(s.now, eventOpened, func() { s.number("format", 1) })
	d := s.draft(iss, "corp", nil)
	l := newLife(firstSeed, func() keyset.Instant { return s.now })
	for range 30 {
		s.now.Wall, s.now.Life = s.now.Wall.Add(time.Minute), s.now.Life.Add(time.Minute)
		next, events := l.turn()
		l.set = next
		for _, e := range events {
			s.event(d, e, true)
		}
		for _, k := range next.Keys() {
			k.Deny()
		}
		s.settle(d, next, true)
		s.usage(d)
	}
	text := string(s.b)
	f.Add([]byte(text))
	f.Add([]byte(text[:len(text)-10]))
	f.Add([]byte(strings.Replace(text, "corp", "c\\u006frp", 1)))
	f.Add([]byte(""))
	f.Add([]byte("\n\n"))
	f.Add([]byte(`{"seq":1,"time":"` + "\n"))
	for line := range strings.Lines(text) {
		f.Add([]byte(line))
	}
}

// rehash makes the hashes and the chain of foreign lines good, so that what is
// behind them is reached.
func rehash(text []byte) []byte {
	var out []byte
	head := begin
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		end := len(line) - hashTail
		if end < 0 {
			out = append(append(out, line...), '\n')
			continue
		}
		body := bytes.Clone(line[:end])
		if i := bytes.Index(body, []byte(`"prev":"`)); i >= 0 && i+8+hashSize <= len(body) {
			copy(body[i+8:], head[:])
		}
		head = digest(body)
		out = append(append(append(append(out, body...), hashMark...), head[:]...), "\"}\n"...)
	}
	return out
}

// FuzzVerify: no panic; what verifies, verifies again from the lines it gave.
func FuzzVerify(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, b := range [][]byte{text, rehash(text)} {
			var again bytes.Buffer
			n := 0
			for l, err := range Verify(bytes.NewReader(b)) {
				if err != nil {
					break
				}
				n++
				again.Write(append(l.Text, '\n'))
			}
			for _, err := range Verify(&again) {
				if err != nil {
					t.Fatal(err)
				}
				n--
			}
			if n != 0 {
				t.Fatal("other lines")
			}
		}
	})
}

// FuzzOpen: no panic; a ledger opens, or is damaged and opens with its loss
// accepted. Then it verifies, and opens again with the same records.
func FuzzOpen(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, b := range [][]byte{text, rehash(text)} {
			d, ctx := newDisk(), context.Background()
			d.write(fileName, string(b))
			cfg := d.config()
			l, err := Open(ctx, cfg)
			var damage *DamageError
			if errors.As(err, &damage) {
				cfg.AcceptLoss = true
				l, err = Open(ctx, cfg)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Release(ctx); err != nil {
				t.Fatal(err)
			}
			for _, err := range Verify(strings.NewReader(d.read(fileName))) {
				if err != nil {
					t.Fatal(err)
				}
			}
			again := d.open(t)
			for i, r := range again.Restored() {
				if i < len(l.Restored()) {
					want(t, r.Set.Keys(), l.Restored()[i].Set)
				}
			}
			if len(again.Restored()) != len(l.Restored()) {
				t.Errorf("%d issuers, and %d before", len(again.Restored()), len(l.Restored()))
			}
		}
	})
}

// A stream tells how it ended.
func TestVerifyTellsHowItEnds(t *testing.T) {
	s := scroll{chain: chain{head: begin}}
	at := keyset.Instant{Wall: noon, Life: noon.Add(time.Second)}
	s.line(at, eventOpened, nil)
	s.line(at, "note", nil)
	whole := string(s.b)
	s.seq++
	s.line(at, "note", nil)
	skipped := string(s.b)
	broken := errors.New("broken pipe")
	for _, tt := range []struct {
		name  string
		r     io.Reader
		lines int
		want  string
	}{
		{"whole", strings.NewReader(whole), 2, ""},
		{"nothing", strings.NewReader(""), 0, ""},
		{"a part of it", strings.NewReader(whole[strings.IndexByte(whole, '\n')+1:]), 1, ""},
		{"torn", strings.NewReader(whole[:len(whole)-1]), 1, "bytes after the last complete line"},
		{"changed", strings.NewReader(strings.Replace(whole, "note", "nope", 1)), 1, "line 2: its hash does not match its content"},
		{"twice", strings.NewReader(whole + whole), 2, "line 3: its prev is not the hash of the line before, or its seq not the next"},
		{"a number was skipped", strings.NewReader(skipped), 2, "line 3: its prev is not"},
		{"too long", strings.NewReader(whole + strings.Repeat(" ", maxLine) + "\n"), 2, "line 3: longer than"},
		{"unreadable", io.MultiReader(strings.NewReader(whole), readerFunc(func([]byte) (int, error) { return 0, broken })), 2, "broken pipe"},
	} {
		n, text := 0, ""
		for l, err := range Verify(tt.r) {
			if err != nil {
				text = err.Error()
				continue
			}
			n++
			if l.Seq == 0 || l.Number != n || !l.Time.Equal(noon) || !l.Life.Equal(at.Life) || len(l.Hash) != hashSize || len(l.Prev) != hashSize {
				t.Errorf("%s: %+v", tt.name, l)
			}
		}
		if n != tt.lines || (tt.want == "") != (text == "") || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %d lines, %q", tt.name, n, text)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
