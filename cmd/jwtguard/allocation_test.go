package main

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// What a single request makes the guard allocate, at the worst: docs/reliability.md
// has these figures. What is not there is bounded by the size of the request.
func TestWorstRequestsAllocateWithinBounds(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	stranger := devissuer.SharedKey("stranger", "ES256").Renamed(w.key.KID)
	// As long as a token may be.
	filled := func(key *devissuer.Key, claim func(n int) any) string {
		lo, hi := 0, 8192
		for lo < hi-1 {
			if n := (lo + hi) / 2; len(w.tokenOf(key, devissuer.Claims{"x": claim(n)})) <= 8192 {
				lo = n
			} else {
				hi = n
			}
		}
		return w.tokenOf(key, devissuer.Claims{"x": claim(lo)})
	}
	deep := func(n int) any { return strings.Repeat("[", 30) + strings.Repeat("]", 30) + strings.Repeat("x", n) }
	nested := func(n int) any {
		var v any = []any{}
		for range 29 {
			v = []any{v}
		}
		all := []any{}
		for range n / 70 {
			all = append(all, v)
		}
		return all
	}
	names := func(n int) any {
		all := map[string]any{}
		for i := range n / 8 {
			all[fmt.Sprint(i)] = i
		}
		return all
	}
	headers := func(n int, name, value string) *authv3.CheckRequest {
		r := request(w.token())
		for i := range n {
			r.Attributes.Request.Http.HeaderMap.Headers = append(r.Attributes.Request.Http.HeaderMap.Headers,
				&corev3.HeaderValue{Key: strings.ReplaceAll(name, "#", fmt.Sprint(i)), RawValue: []byte(value)})
		}
		return r
	}
	long := request(w.token())
	long.Attributes.Request.Http.Body = strings.Repeat("a", 15<<20)

	for _, c := range []struct {
		name   string
		check  *authv3.CheckRequest
		reason string
		most   uint64 // bytes
		header []string
	}{
		{"as usual", request(w.token()), "ok", 16 << 10, nil},
		{"longest token, forged", request(filled(stranger, deep)), "signature_invalid", 64 << 10, nil},
		{"longest token, deepest JSON", request(filled(stranger, nested)), "signature_invalid", 64 << 10, nil},
		{"longest token, most names", request(filled(stranger, names)), "signature_invalid", 256 << 10, nil},
		{"token of 8 MiB", request(strings.Repeat("a", 8<<20)), "token_too_large", 32 << 20, nil},
		{"100 headers of 600 bytes", headers(100, "x-#", strings.Repeat("a", 600)), "ok", 256 << 10, nil},
		{"4,000 headers", headers(4000, "x-#", "a"), "ok", 128 << 10, nil},
		{"500,000 headers", headers(500_000, "x-#", "a"), "overloaded", 16 << 20, nil},
		{"4,000 tokens", headers(4000, "authorization", "Bearer x.y.z"), "multiple_credentials", 256 << 10, nil},
		{"120 KiB of metadata", request(w.token()), "ok", 512 << 10, []string{"x-a", strings.Repeat("a", 60<<10), "x-b", strings.Repeat("b", 60<<10)}},
		{"body of 15 MiB", long, "ok", 48 << 20, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := g.frames()
			b, m := block(c.header...), body(t, c.check)
			f.ask(b, m) // pools are filled
			if !bytes.Contains(f.answer, []byte(c.reason)) {
				t.Fatalf("%q, want %s", f.answer, c.reason)
			}
			// A processor that has not come to it yet fills a pool of its own, which is
			// 1 MiB for a message of 50 KiB: the least of some rounds is what is meant.
			const rounds, times = 4, 8
			got := uint64(math.MaxUint64)
			for range rounds {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range times {
					f.ask(b, m)
				}
				runtime.ReadMemStats(&after)
				got = min(got, (after.TotalAlloc-before.TotalAlloc)/times)
			}
			t.Logf("%7.1f KiB for a message of %.1f KiB", float64(got)/1024, float64(len(m))/1024)
			if raceDetector {
				return // it has pools forget, so that their users are seen
			}
			if got > c.most {
				t.Errorf("%d bytes, want %d at the most", got, c.most)
			}
		})
	}
}
