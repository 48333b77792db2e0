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

// left is a state directory as a guard leaves it that has rotated its ledger.
type left struct {
	files map[string]string
	names []string // sorted; archives come first
	truth *keyset.Set
}

var fuzzDirectory = sync.OnceValue(func() *left {
	d, ctx := newDisk(), context.Background()
	cfg := d.config()
	cfg.RotateAt = 2000
	l, err := Open(ctx, cfg)
	if err != nil {
		panic(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(running, clockFrom(l.Last())) }()
	now := keyset.Instant{Wall: noon, Life: noon}
	life := newLife(firstSeed, func() keyset.Instant { return now })
	for seqs := []uint64{}; len(seqs) < 3; seqs, _ = archives(d.list()) {
		next, events := life.turn()
		life.set = next
		if err := l.Record(change(next, events))(ctx); err != nil {
			panic(err)
		}
		now.Wall, now.Life = now.Wall.Add(time.Minute), now.Life.Add(time.Minute)
	}
	stop()
	if err := <-ended; err != nil {
		panic(err)
	}
	w := &left{files: map[string]string{}, truth: life.set}
	for _, name := range d.list() {
		if name != lockName {
			w.files[name], w.names = d.read(name), append(w.names, name)
		}
	}
	return w
})

// The stages of a rotation at which a crash may leave the directory.
const (
	settled    = iota
	begun      // the next file is written, and not in use yet
	halfway    // the file was put away, and the next one not in its place yet
	lost       // the file is gone
	stageCount // how many there are
)

// FuzzDirectory leaves a state directory at some stage of a rotation, with some bytes
// of a file altered, and with good hashes again if that is asked for. It opens, or is
// damaged and opens with its loss accepted. Untouched it opens as it was; altered
// without new hashes, the file counts up to the alteration at most. What was complete
// in it is still there, it opens again with the same records, and its evidence is what
// evidence is taken for.
func FuzzDirectory(f *testing.F) {
	w := fuzzDirectory()
	for stage := range uint8(stageCount) {
		f.Add(stage, uint8(0), uint(0), uint16(0), []byte{}, false)
		for file := range w.names {
			text := w.files[w.names[file]]
			f.Add(stage, uint8(file), uint(len(text)-10), ^uint16(0), []byte{}, false)
			f.Add(stage, uint8(file), uint(len(text)/2), uint16(3), []byte("x\n"), true)
			f.Add(stage, uint8(file), uint(0), ^uint16(0), []byte{}, false)
			f.Add(stage, uint8(file), uint(strings.IndexByte(text, '\n')+1), uint16(0), []byte(text[:strings.IndexByte(text, '\n')+1]), true)
		}
	}
	f.Fuzz(func(t *testing.T, stage, file uint8, at uint, drop uint16, put []byte, rehashed bool) {
		d, ctx := newDisk(), context.Background()
		stage %= stageCount
		altered := w.names[int(file)%len(w.names)]
		untouched := true
		for name, text := range w.files {
			if name == altered {
				text = alter(text, at, drop, put)
				if rehashed {
					text = string(rehash([]byte(text)))
				}
				untouched = text == w.files[name]
			}
			switch {
			case stage == halfway && name == fileName:
				name = newName
			case stage == lost && name == fileName:
				continue
			case stage == begun && name == fileName:
				d.write(newName, text[:len(text)/2])
			}
			d.write(name, text)
		}
		before := map[string]string{}
		for _, name := range d.list() {
			if text := d.read(name); name != newName {
				before[name] = text[:strings.LastIndexByte(text, '\n')+1]
			}
		}

		cfg := d.config()
		l, err := Open(ctx, cfg)
		var damage *DamageError
		if errors.As(err, &damage) {
			if untouched && stage != lost {
				t.Fatalf("stage %d, and nothing is altered: %v", stage, err)
			}
			cfg.AcceptLoss = true
			l, err = Open(ctx, cfg)
		} else if stage == lost {
			t.Fatalf("opened without its file: %v", err)
		}
		if err != nil {
			t.Fatalf("stage %d, %s: %v", stage, altered, err)
		}
		if untouched && stage != lost {
			want(t, l.Restored()[0].Set.Keys(), w.truth)
		}
		if err := l.Release(ctx); err != nil {
			t.Fatal(err)
		}
		for name, text := range before {
			if !slices.ContainsFunc(d.list(), func(now string) bool { return strings.HasPrefix(d.read(now), text) }) {
				t.Fatalf("stage %d: what was in %s is gone", stage, name)
			}
		}

		again := d.open(t)
		if len(again.Restored()) != len(l.Restored()) {
			t.Fatalf("%d issuers, and %d before", len(again.Restored()), len(l.Restored()))
		}
		for i, r := range again.Restored() {
			want(t, r.Set.Keys(), l.Restored()[i].Set)
		}
		x, err := ReadEvidence(ctx, EvidenceConfig{Dir: dir, Files: d.process(), ReadKey: readKey})
		if err != nil {
			if !errors.As(err, &damage) || untouched && stage != lost {
				t.Fatalf("stage %d, %s: no evidence: %v", stage, altered, err)
			}
			return
		}
		var text strings.Builder
		if err := x.WriteJSON(ctx, &text); err != nil {
			t.Fatal(err)
		}
		if _, err := CheckEvidence(ctx, strings.NewReader(text.String()), CheckConfig{ReadKey: readKey}); err != nil {
			t.Fatalf("stage %d, %s: %v", stage, altered, err)
		}
	})
}
