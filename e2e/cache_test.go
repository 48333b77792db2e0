package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// number is the value of a metric.
func (w *world) number(name string) int {
	w.t.Helper()
	n, err := strconv.Atoi(w.metric(name))
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return n
}

// repeat sends these tokens by turns over as many connections as are given, each as
// fast as it is answered, until stop is called.
func (w *world) repeat(t *testing.T, connections int, tokens []string) (s *shots, stop func()) {
	t.Helper()
	s = new(shots)
	var stopped atomic.Bool
	var all sync.WaitGroup
	for c := range connections {
		all.Go(func() {
			client := harness.NewHTTP1()
			defer client.CloseIdleConnections()
			for i := c; !stopped.Load(); i++ {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				began := time.Now()
				resp, err := (harness.Request{}).Bearer(tokens[i%len(tokens)]).Over(ctx, client, w.envoy.Address)
				cancel()
				if err != nil {
					t.Errorf("connection %d: %v", c, err)
					return
				}
				s.mu.Lock()
				s.all = append(s.all, shot{began, time.Now(), resp.Status})
				s.mu.Unlock()
			}
		})
	}
	stop = func() {
		stopped.Store(true)
		all.Wait()
	}
	t.Cleanup(stop)
	return s, stop
}

// The guard remembers each of these tokens, and is asked about nothing else, as
// fast as it goes. The key is revoked: what it remembers lets no further request
// pass, for as long as the tokens are sent, and tells that all of them were genuine,
// though only ten signatures of such tokens are checked in a second.
func TestARevokedKeyPassesNoTokenThatIsRemembered(t *testing.T) {
	t.Parallel()
	const (
		connections, tokens = 6, 40
		hit                 = `jwtguard_token_cache_requests_total{result="hit"}`
		miss                = `jwtguard_token_cache_requests_total{result="miss"}`
		held                = "jwtguard_token_cache_entries"
	)
	w := newWorld(t, setup{state: newState(t)})
	w.issuer.Publish(w.key, devissuer.SharedKey("2026-12", "ES256")) // another one is left then
	w.refresh()
	var all []string
	for i := range tokens {
		all = append(all, w.token(devissuer.Claims{"sub": fmt.Sprint("user-", i)}))
	}
	shots, stop := w.repeat(t, connections, all)
	shots.await(t, 600, time.Time{})
	if hits, misses, entries := w.number(hit), w.number(miss), w.number(held); hits < 300 || misses < tokens || misses > connections*tokens || entries != tokens {
		t.Errorf("%d hits, %d misses, %d tokens are remembered of %d", hits, misses, entries, tokens)
	}
	given := time.Now()
	w.order("revoke", "corp", w.key.KID)
	returned := time.Now()
	shots.await(t, 600, returned)
	stop()

	before, after := 0, 0
	for _, x := range shots.all {
		switch {
		case x.ended.Before(given):
			if before++; x.status != http.StatusOK {
				t.Errorf("%d, %v before the order", x.status, given.Sub(x.ended))
			}
		case x.began.After(returned):
			if after++; x.status != http.StatusUnauthorized {
				t.Errorf("%d, sent %v after the command returned", x.status, x.began.Sub(returned))
			}
		}
	}
	t.Logf("%d requests before the order, which took %v, and %d after it; %d hits in all", before, returned.Sub(given), after, w.number(hit))
	if n := w.number(held); n != 0 {
		t.Errorf("%d tokens of the revoked key are still remembered", n)
	}
	attempts := func(signature string) string {
		return fmt.Sprintf("jwtguard_retired_key_attempts_total{issuer=%q,kid=%q,signature=%q,thumbprint=%q}", "corp", w.key.KID, signature, w.rows()[w.key.KID].Thumbprint)
	}
	if genuine := w.number(attempts("valid")); genuine < tokens {
		t.Errorf("%d attempts with the revoked key are known to be genuine, and %d tokens were remembered", genuine, tokens)
	}
	if forged := w.metric(attempts("invalid")); forged != "" && forged != "0" {
		t.Errorf("%s attempts are said to be forged", forged)
	}
	w.expect("a token that is new", w.token(nil), http.StatusUnauthorized, "key_revoked", "revoked")
}
