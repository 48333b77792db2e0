package telemetry

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// A rotation as a scraper sees it, row by row: testdata/rotation.txt.
func TestRotationAsScraped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := keyOf("a").JWK(), keyOf("b").JWK()
		var story strings.Builder
		scene := func(name string) {
			fmt.Fprintf(&story, "## %s\n%s\n", name, strings.Join(w.rows(), "\n"))
		}
		scene("nothing is known")
		w.publish(a)
		w.use("a", 3)
		scene("key a is in use")
		w.pass(5 * time.Minute)
		w.publish(a, b)
		w.use("b", 2)
		w.withdraw(b)
		w.use("a", 1) // of before the withdrawal, within the skew
		scene("key b is in use, and a was withdrawn")
		w.pass(time.Hour + time.Minute)
		w.publish(b)
		w.check("default", keyOf("a").Token(w.claims()))
		scene("key a is retired, and somebody still has it")
		want, err := os.ReadFile("testdata/rotation.txt")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(story.String(), "\n")); diff != "" {
			t.Errorf("(- testdata, + scraped)\n%s", diff)
		}
	})
}

// What is told of an issuer's documents goes with them.
func TestRowsThatNoLongerHoldDisappear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.publish(keyOf("a").JWK(), with(keyOf("x").JWK(), "use", "enc"), with(keyOf("y").JWK(), "use", "enc"))
		w.use("a", 1)
		want := []string{`jwtguard_jwks_skipped_keys{issuer="corp",reason="use_not_sig"} 2`}
		if diff := cmp.Diff(want, w.about("skipped")); diff != "" {
			t.Error(diff)
		}
		w.publish(keyOf("a").JWK())
		if rows := w.about("skipped"); len(rows) > 0 {
			t.Error(rows)
		}
		w.gone = true
		for _, row := range w.about(issuerName) {
			if !strings.HasPrefix(row, "jwtguard_validations_total") && !strings.HasPrefix(row, "jwtguard_token_lifetime") {
				t.Errorf("the issuer left the configuration, and there is %s", row)
			}
		}
		w.pass(keepQuiet + time.Second)
		w.rows() // a scrape forgets
		if rows := w.about("validations_total"); len(rows) > 0 {
			t.Error(rows)
		}
	})
}

// Replicas whose last observation is the same agree, whatever each of them remembers
// of keys that it did not list; a key that is out of service on one of them alone
// makes a difference.
func TestReplicasThatSawTheSameAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := keyOf("a").JWK(), keyOf("b").JWK(), keyOf("c").JWK()
		known := func(w *world) string { return hash.FindString(w.scrape("")) }
		first := newWorld(t)
		first.publish(a, b)
		time.Sleep(5 * time.Minute)
		first.withdraw(b)
		later := newWorld(t)
		if got := known(later); got != "" {
			t.Errorf("before any observation: %s", got)
		}
		later.publish(b)
		if rows := first.about(`kid="a",state="grace",thumbprint="T(a)"} 1`); len(rows) != 1 {
			t.Fatal(first.rows())
		}
		if known(first) != known(later) || known(first) == "" {
			t.Errorf("one remembers a key in grace: %q, %q", known(first), known(later))
		}
		alone := known(later)
		first.publish(b, c)
		if known(first) == alone {
			t.Error("a new key makes no difference")
		}
		later.publish(c, b)
		if known(first) != known(later) {
			t.Error("the order of the keys makes a difference")
		}
		restarted := newWorld(t)
		restarted.keys.Store(keyset.Restore(first.Set().Observed(), first.Set().Keys()))
		if known(restarted) != known(first) {
			t.Error("a restart makes a difference")
		}
		later.order(keyset.Order{Action: keyset.Revoke, Kid: "c"})
		if got := known(later); got == known(first) || got != alone {
			t.Errorf("c is revoked on one of them alone: %s", got)
		}
		later.publish(c, b)
		if got := known(later); got != alone {
			t.Errorf("a key that is listed again and refused counts: %s", got)
		}
	})
}

// A month after the last attempt, nothing is left of a key out of service; a key
// in use stays, however quiet it is.
func TestRetiredKeysLeaveAMonthAfterTheLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.publish(keyOf("a").JWK(), keyOf("b").JWK())
		w.use("a", 1)
		w.use("b", 1)
		w.order(keyset.Order{Action: keyset.Revoke, Kid: "a"})
		w.pass(keepQuiet - time.Hour)
		if d := w.check("default", keyOf("a").Token(w.claims())); d.Reason != verify.KeyRevoked {
			t.Fatal(d.Reason)
		}
		w.pass(keepQuiet - time.Hour)
		want := []string{
			`jwtguard_retired_key_attempts_total{issuer="corp",kid="a",signature="invalid",thumbprint="T(a)"} 0`,
			`jwtguard_retired_key_attempts_total{issuer="corp",kid="a",signature="unchecked",thumbprint="T(a)"} 0`,
			`jwtguard_retired_key_attempts_total{issuer="corp",kid="a",signature="valid",thumbprint="T(a)"} 1`,
		}
		if diff := cmp.Diff(want, w.about("attempts")); diff != "" {
			t.Error(diff)
		}
		w.pass(2 * time.Hour)
		if rows := w.about(`kid="a"`); len(rows) > 0 {
			t.Error(rows)
		}
		if len(w.about(`jwtguard_key_info{alg="EdDSA",issuer="corp",kid="b"`)) != 1 || len(w.about(`jwtguard_validations_total{`)) != 1 {
			t.Error(w.rows())
		}
		w.check("default", keyOf("a").Token(w.claims()))
		if rows := w.about(`signature="valid"`); len(rows) != 1 || !strings.HasSuffix(rows[0], " 2") {
			t.Errorf("after another attempt: %v", rows)
		}
	})
}

// Beyond 2,000 rows the SDK would put the rest into one, by itself.
func TestEveryKeyHasItsRows(t *testing.T) {
	const n = 3000
	w := newWorld(t)
	w.hold(n)
	text := w.scrape("")
	for metric, rows := range map[string]int{"jwtguard_key_info": n, "jwtguard_key_state": 5 * n, "jwtguard_validations_total": n} {
		if got := strings.Count(text, "\n"+metric+"{"); got != rows {
			t.Errorf("%s: %d rows, expected %d", metric, got, rows)
		}
	}
	if strings.Contains(text, "overflow") || strings.Contains(text, "otel_scope") || strings.Contains(text, "_ratio") || strings.Contains(text, "target_info") {
		t.Error("there is what the SDK adds by itself")
	}
}

func TestReloadsLedgerAndBuild(t *testing.T) {
	w := newWorld(t)
	w.Reloaded(nil)
	w.Reloaded(nil)
	w.Reloaded(os.ErrNotExist)
	w.sequence, w.errors = 17, 3
	text := w.scrape("")
	for _, row := range []string{
		`jwtguard_config_reloads_total{result="ok"} 2`, `jwtguard_config_reloads_total{result="error"} 1`,
		`jwtguard_ledger_sequence 17`, `jwtguard_ledger_errors_total 3`, `jwtguard_build_info{commit="abc",go="go1.`,
	} {
		if !strings.Contains(text, "\n"+row) {
			t.Errorf("%s is missing in\n%s", row, text)
		}
	}
	w.Telemetry.metrics.cfg.Ledger = nil
	cfg := w.Telemetry.metrics.cfg
	without, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Telemetry = without
	if text := w.scrape(""); strings.Contains(text, "ledger") {
		t.Errorf("without a ledger:\n%s", text)
	}
}

func TestRefreshesAndAnomalies(t *testing.T) {
	w := newWorld(t)
	for _, r := range jwkscache.Results() {
		w.Fetched(jwkscache.Fetch{Issuer: issuerName, Result: r})
		if rows := w.about(`jwks_refreshes_total{issuer="corp",result="` + string(r) + `"} 1`); len(rows) != 1 {
			t.Errorf("%s: %v", r, rows)
		}
	}
	for _, a := range anomalies {
		issuer := issuerName
		if a == keyset.ClockStep {
			issuer = ""
		}
		w.Record(issuer, []keyset.Event{{Type: keyset.EventAnomaly, Anomaly: a}, {Type: keyset.EventReturned}})
		if issuer == "" {
			issuer = other
		}
		if rows := w.about(`key_anomalies_total{issuer="` + issuer + `",type="` + string(a) + `"} 1`); len(rows) != 1 {
			t.Errorf("%s: %v", a, rows)
		}
	}
}

// A scraper that hangs takes one place, and there are not many: who comes beyond
// them is told so at once.
func TestScrapesAreFewAtOnce(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	defer close(release)
	for range maxScrapes {
		hangs := &hanging{ResponseRecorder: httptest.NewRecorder(), at: make(chan struct{}), until: release}
		go w.Handler().ServeHTTP(hangs, httptest.NewRequest("GET", "/metrics", nil))
		<-hangs.at
	}
	a := httptest.NewRecorder()
	w.Handler().ServeHTTP(a, httptest.NewRequest("GET", "/metrics", nil))
	if a.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", a.Code)
	}
	w.use1(t) // and nobody else waits
}

// hanging is a client that does not read.
type hanging struct {
	*httptest.ResponseRecorder
	at    chan struct{}
	until chan struct{}
	once  bool
}

func (h *hanging) Write(b []byte) (int, error) {
	if !h.once {
		h.once = true
		close(h.at)
		<-h.until
	}
	return len(b), nil
}

// use1 observes one decision.
func (w *world) use1(t *testing.T) {
	d := accepted(w)
	w.Observe(t.Context(), &d, 0, "")
}

// A scrape, by the number of keys.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			w := newWorld(b)
			w.hold(n)
			size := 0
			for b.Loop() {
				size = len(w.scrape(""))
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
