package ledger

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// tombstones makes n retired RSA keys: the largest that are usual.
func tombstones(t testing.TB, n int) []*keyset.Key {
	t.Helper()
	keys := make([]*keyset.Key, n)
	for i := range keys {
		modulus := make([]byte, 256)
		rand.Read(modulus)
		modulus[0] |= 0x80
		modulus[255] |= 1
		doc, err := jose.ReadKeys(fmt.Appendf(nil, `{"keys":[{"kty":"RSA","kid":"key-%d","alg":"RS256","e":"AQAB","n":%q}]}`,
			i, base64.RawURLEncoding.EncodeToString(modulus)))
		if err != nil || len(doc.Keys) != 1 {
			t.Fatal(doc, err)
		}
		l, at := doc.Keys[0], noon.Add(time.Duration(i)*time.Minute)
		gone := keyset.Departure{LeftAt: at.Add(time.Hour), GraceFrom: at.Add(time.Hour + 10*time.Minute), GraceUntil: at.Add(2 * time.Hour), Confirmed: true}
		keys[i] = &keyset.Key{
			Thumbprint: l.Thumbprint, Modulus: l.Modulus, Alg: l.Alg, Public: l.Public, JWK: l.JWK,
			Aliases:   []keyset.Alias{{Kid: l.Kid, FirstSeen: at, LastSeen: at.Add(55 * time.Minute), Departure: gone}},
			FirstSeen: at, LastSeen: at.Add(55 * time.Minute), Departure: gone,
			RetiredAt: gone.GraceUntil, Final: true, Reason: "withdrawn by the issuer", Told: keyset.Retired, Usage: new(keyset.Usage),
		}
	}
	return keys
}

// BenchmarkOpen replays one file of a million events of 10,000 tombstones.
func BenchmarkOpen(b *testing.B) {
	const events, records = 1_000_000, 10_000
	dir := b.TempDir()
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
		s.b = append(s.b, `,"records":0`...)
	})
	d := s.draft("https://issuer.example.com", "corp", nil)
	size := int64(0)
	for i := range events {
		at.Wall, at.Life = at.Wall.Add(time.Second), at.Life.Add(time.Second)
		k := *keys[i%records] // a new record each time, as events bring it
		s.event(d, keyset.Event{Type: keyset.EventState, At: at, Kid: k.Kid(), Key: &k, From: keyset.Grace, To: keyset.Retired}, true)
		if len(s.b) > 1<<20 || i == events-1 {
			n, err := f.Write(s.b)
			if err != nil {
				b.Fatal(err)
			}
			size += int64(n)
			s.b = s.b[:0]
		}
	}
	b.SetBytes(size)
	b.ReportMetric(float64(size)/events, "bytes/line")
	for b.Loop() {
		runtime.GC()
		var after runtime.MemStats
		began := cpu(b)
		l, err := Open(context.Background(), Config{Dir: dir, Guard: "g", ReadKey: jose.ReadMaterial})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((cpu(b) - began).Seconds(), "cpu-s/op") // of a machine that others use, too
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapSys)/(1<<20), "MiB-heap")
		if n := len(l.Restored()[0].Set.Keys()); n != records {
			b.Fatal(n)
		}
		l.lock.Close()
		l.w.file.Close()
	}
}

// cpu is the processor time that this process has taken.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOrders keeps orders of many owners at once.
func BenchmarkOrders(b *testing.B) {
	for _, owners := range []int{1, 100} {
		b.Run(fmt.Sprint(owners), func(b *testing.B) {
			dir := b.TempDir()
			l, err := Open(context.Background(), Config{Dir: dir, Guard: "g", ReadKey: jose.ReadMaterial})
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error)
			go func() { ended <- l.Run(ctx, clockFrom(time.Time{})) }()
			keys := tombstones(b, 100)
			b.SetParallelism((owners + 1) / 2)
			b.RunParallel(func(p *testing.PB) {
				var iss [8]byte
				rand.Read(iss[:])
				set := keyset.Restore(keyset.Instant{Wall: noon, Life: noon}, keys)
				for i := 0; p.Next(); i++ {
					next, events, err := set.Apply(keyset.Order{Action: keyset.Retire, Kid: fmt.Sprint("k", i), Reason: "bench"}, clockFrom(noon)())
					if err != nil {
						b.Error(err)
					}
					set = next
					if err := l.Record(keyset.Change{Issuer: fmt.Sprintf("%x", iss), Name: "n", Set: set, Events: events})(ctx); err != nil {
						b.Error(err)
					}
				}
			})
			stop()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
