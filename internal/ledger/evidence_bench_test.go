package ledger

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// busyLedger writes a file of a million events of 1,000 keys: mostly usage, as
// busy guards write it, observations, and changes of state.
func busyLedger(b *testing.B, dir string) {
	const events, records = 1_000_000, 1000
	keys := tombstones(b, records)
	f, err := os.Create(filepath.Join(dir, fileName))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	s := &batch{scroll: scroll{chain: chain{head: begin}}, images: map[string]*draft{}}
	at := keyset.Instant{Wall: noon, Life: noon}
	s.line(at, eventOpened, func() {
		s.number("format", format)
		s.text("guard", "edge-1")
		s.b = append(s.b, `,"records":0`...)
	})
	d := s.draft("https://issuer.example.com", "corp", nil)
	for i := range events - 1 {
		at.Wall, at.Life = at.Wall.Add(time.Second), at.Life.Add(time.Second)
		k := *keys[i%records]
		switch n := i / records; {
		case n%20 == 0:
			s.event(d, keyset.Event{Type: keyset.EventState, At: at, Kid: k.Kid(), Key: &k, From: keyset.Grace, To: keyset.Retired}, true)
		case n%20 == 1:
			s.now = at
			s.observed(d, at)
		default:
			s.tell(d, at, eventUsage, k.Kid(), k.Thumbprint, func() {
				s.object("usage", func() {
					s.tally(keyset.Tally{Allowed: 3, Denied: 1, LastUsed: at.Life, LatestExpiry: at.Wall.Add(time.Hour)})
				})
			})
		}
		if len(s.b) > 1<<20 || i == events-2 {
			if _, err := f.Write(s.b); err != nil {
				b.Fatal(err)
			}
			s.b = s.b[:0]
		}
	}
}

// BenchmarkEvidence exports and verifies a ledger of a million events.
func BenchmarkEvidence(b *testing.B) {
	dir, ctx := b.TempDir(), context.Background()
	busyLedger(b, dir)
	file := filepath.Join(dir, "export.json")
	heap := func(b *testing.B) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapSys)/(1<<20), "MiB-heap")
	}
	b.Run("export", func(b *testing.B) {
		for b.Loop() {
			x, err := ReadEvidence(ctx, EvidenceConfig{Dir: dir, ReadKey: jose.ReadMaterial})
			if err != nil {
				b.Fatal(err)
			}
			f, err := os.Create(file)
			if err != nil {
				b.Fatal(err)
			}
			w := bufio.NewWriter(f)
			if err := x.WriteJSON(ctx, w); err != nil {
				b.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
		heap(b)
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			f, err := os.Open(file)
			if err != nil {
				b.Fatal(err)
			}
			c, err := CheckEvidence(ctx, f, CheckConfig{ReadKey: jose.ReadMaterial})
			if err != nil {
				b.Fatal(err)
			}
			if c.Lines != 1_000_000 {
				b.Fatal(fmt.Sprint(c.Lines))
			}
			f.Close()
		}
		heap(b)
	})
}
