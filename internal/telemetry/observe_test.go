package telemetry

import (
	"context"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// accepted is the decision about a good token.
func accepted(w *world) verify.Decision {
	now := time.Now()
	k := newKey()
	k.Aliases = []keyset.Alias{{Kid: "k"}}
	return verify.Decision{
		Verdict: verify.Allow, Reason: verify.OK, Policy: w.verifier.Policy("default"), At: w.clock.Now(),
		Issuer: w.verifier.Policy("default").Issuers[0], Key: k, Kid: "k", Alg: "ES256", State: keyset.Active,
		Expires: now.Add(time.Minute), Issued: now, Cache: verify.CacheHit,
	}
}

// Once a key was met, a decision about it costs no garbage.
func TestObservingAWarmCheckAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	d := accepted(w)
	ctx := context.Background()
	observe := func() { w.Observe(ctx, &d, 50*time.Microsecond, "id") }
	observe()
	if n := testing.AllocsPerRun(1000, observe); n != 0 {
		t.Errorf("%v allocations a check", n)
	}
}

// What telemetry adds to a check, beside the log that only hears of refusals.
func BenchmarkObserve(b *testing.B) {
	for _, tt := range []struct{ name, endpoint, parent string }{
		{"metrics", "", ""},
		{"not sampled", "http://127.0.0.1:1", dropped},
		{"sampled", "http://127.0.0.1:1", sampled},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", tt.endpoint)
			w := newWorld(b)
			w.metadata = map[string][]string{"traceparent": {tt.parent}}
			d := accepted(w)
			b.ReportAllocs()
			for b.Loop() {
				w.Observe(context.Background(), &d, 50*time.Microsecond, "id")
			}
		})
	}
}
