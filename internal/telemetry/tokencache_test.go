package telemetry

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// What the token cache did for requests is counted for as long as the guard runs,
// over reloads that make, empty or drop it. What it holds is told while there is
// one.
func TestTokenCacheAsScraped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		is := func(when string, want ...string) {
			t.Helper()
			var rows []string
			for line := range strings.Lines(w.scrape("")) {
				if row, ok := strings.CutPrefix(strings.TrimSpace(line), "jwtguard_token_cache_"); ok && !strings.HasPrefix(row, "bytes ") {
					rows = append(rows, row)
				} else if ok {
					rows = append(rows, map[bool]string{true: "empty", false: "full"}[row == "bytes 0"])
				}
			}
			slices.Sort(rows)
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Errorf("%s: (- expected, + scraped)\n%s", when, diff)
			}
		}
		w.publish(keyOf("a").JWK())
		is("at the start", "empty", "entries 0", `requests_total{result="hit"} 0`, `requests_total{result="miss"} 0`)
		token := keyOf("a").Token(w.claims())
		for range 3 {
			w.check("default", token)
		}
		w.check("default", strings.Repeat("x", 9000)) // the cache was not asked
		refused := verify.Refuse(w.verifier.Policy("default"), verify.TokenMissing, "")
		w.Observe(t.Context(), &refused, 0, "")
		is("in use", "entries 1", "full", `requests_total{result="hit"} 2`, `requests_total{result="miss"} 1`)

		w.reload(1 << 20)
		is("after a reload", "empty", "entries 0", `requests_total{result="hit"} 2`, `requests_total{result="miss"} 1`)
		w.check("default", token)
		w.reload(0)
		w.check("default", token)
		is("turned off", `requests_total{result="hit"} 2`, `requests_total{result="miss"} 2`)
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.reload(0)
		if text := w.scrape(""); strings.Contains(text, "token_cache") {
			t.Errorf("never on:\n%s", text)
		}
	})
}

// reload puts the same policies into force again, with a token cache of so many
// bytes.
func (w *world) reload(cacheBytes int64) {
	w.t.Helper()
	next, err := verify.New(w.verifier.Policies(), cacheBytes)
	if err != nil {
		w.t.Fatal(err)
	}
	w.verifier.DropCache()
	w.verifier = next
}
