package telemetry

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// sum adds the rows of a metric.
func sum(t *testing.T, scrape, metric string) (total uint64) {
	t.Helper()
	for line := range strings.Lines(scrape) {
		if _, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok && strings.HasPrefix(line, metric+"{") {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				t.Fatal(line)
			}
			total += n
		}
	}
	return total
}

// Whatever is asked, by many at once and while scrapes are made: the sum over keys,
// the sum over policies and the number of durations are the number of checks.
func TestEveryCheckIsCountedOnce(t *testing.T) {
	const workers, each = 8, 2000
	w := newWorld(t)
	w.publish(keyOf("a").JWK(), keyOf("b").JWK(), keyOf("c").JWK(), keyOf("d").JWK())
	w.order(keyset.Order{Action: keyset.Revoke, Kid: "c"})
	w.order(keyset.Order{Action: keyset.Retire, Kid: "d"})
	tokens := []string{"", "no token", keyOf("a").Token(nil), keyOf("unknown").Token(w.claims())}
	for _, kid := range []string{"a", "b", "c", "d"} {
		tokens = append(tokens, keyOf(kid).Token(w.claims()), keyOf(kid).Token(w.claims())+"A",
			keyOf(kid).Token(w.claims().With(devissuer.Claims{"exp": 1})))
	}
	var working, scraping sync.WaitGroup
	done := make(chan struct{})
	scraping.Go(func() {
		for seen := uint64(0); ; {
			n := sum(t, w.scrape(""), "jwtguard_validations_total")
			if n < seen {
				t.Errorf("%d checks, and %d before that", n, seen)
			}
			seen = n
			select {
			case <-done:
				return
			default:
			}
		}
	})
	var want [workers]map[string]uint64
	for i := range workers {
		want[i] = map[string]uint64{}
		working.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range each {
				d := w.check([]string{"default", "watched"}[random.IntN(2)], tokens[random.IntN(len(tokens))])
				want[i][string(d.Reason)]++
				refused := verify.Refuse(nil, verify.PolicyUnknown, "")
				w.Observe(t.Context(), &refused, time.Millisecond, "")
			}
		})
	}
	working.Wait()
	close(done)
	scraping.Wait()
	text := w.scrape("")
	for _, metric := range []string{"jwtguard_validations_total", "jwtguard_decisions_total", "jwtguard_check_duration_seconds_count"} {
		if n := sum(t, text, metric); n != 2*workers*each {
			t.Errorf("%s: %d of %d checks", metric, n, 2*workers*each)
		}
	}
	// And by reason, in both.
	byReason := map[string]uint64{"policy_unknown": workers * each}
	for _, m := range want {
		for r, n := range m {
			byReason[r] += n
		}
	}
	for _, metric := range []string{"jwtguard_validations_total", "jwtguard_decisions_total"} {
		got := map[string]uint64{}
		for line := range strings.Lines(text) {
			for r := range byReason {
				if strings.HasPrefix(line, metric+"{") && strings.Contains(line, `reason="`+r+`"`) {
					got[r] += sum(t, line, metric)
				}
			}
		}
		if diff := cmp.Diff(byReason, got); diff != "" {
			t.Errorf("%s: (- decided, + counted)\n%s", metric, diff)
		}
	}
	if got, want := sum(t, text, "jwtguard_retired_key_attempts_total"), byReason["key_retired"]+byReason["key_revoked"]; got != want {
		t.Errorf("%d attempts, and %d tokens were refused for that", got, want)
	}
	if allowed := w.Set().Keys()[0].Allowed() + w.Set().Keys()[1].Allowed(); allowed != byReason["ok"] {
		t.Errorf("the keys count %d uses of %d", allowed, byReason["ok"])
	}
}

// A client can invent kids, issuers, algorithms and request ids, as many as it
// likes: that makes no row, and no label that is not ours.
func TestHostileTrafficMakesNoRows(t *testing.T) {
	w := newWorld(t)
	w.publish(keyOf("a").JWK())
	attack := func(i int) {
		claims := w.claims()
		if i%3 == 0 {
			claims["iss"] = fmt.Sprintf("https://evil-%d.test", i)
		}
		header := devissuer.Header{"kid": fmt.Sprintf("evil-%d", i)}
		switch i % 4 {
		case 1:
			header["alg"] = fmt.Sprintf("EVIL%d", i)
		case 2:
			header["typ"] = fmt.Sprintf("evil-%d", i)
		case 3:
			header["kid"] = "a"
		}
		w.check("default", keyOf("a").TokenWith(header, claims))
	}
	for i := range 24 { // each kind of them
		attack(i)
	}
	before := w.rows()
	for i := range 5000 {
		attack(24 + i)
	}
	after := w.rows()
	if len(before) != len(after) {
		t.Errorf("%d rows, and then %d", len(before), len(after))
	}
	if text := w.scrape(""); strings.Contains(strings.ToLower(text), "evil") {
		t.Errorf("what a client invented is a label:\n%s", text)
	}
	for _, row := range w.about("reason=\"kid_unknown\"") {
		if strings.HasPrefix(row, "jwtguard_validations") && !strings.HasPrefix(row,
			`jwtguard_validations_total{alg="_OTHER",decision="deny",issuer="corp",key_state="",kid="_OTHER",reason="kid_unknown",thumbprint=""} `) {
			t.Error(row)
		}
	}
	if rows := w.about(`issuer="_OTHER",key_state="",kid="_OTHER",reason="issuer_unknown",thumbprint=""}`); len(rows) != 1 {
		t.Error(rows)
	}
}

// One key by two names and with two algorithms: each has its row, and none is
// counted for the other.
func TestKeyIsCountedByTheNameAndAlgorithmOfTheToken(t *testing.T) {
	w := newWorld(t)
	w.publish(keyOf("a").JWK(), keyOf("a").Renamed("alias").JWK())
	w.use("a", 2)
	for range 3 {
		w.check("default", keyOf("a").Renamed("alias").Token(w.claims()))
	}
	w.check("default", keyOf("a").TokenWith(devissuer.Header{"alg": "ES256"}, w.claims()))
	got := w.about("jwtguard_validations_total")
	for i := range got {
		got[i] = got[i][strings.LastIndex(got[i], " ")+1:]
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, sorted(got)); diff != "" {
		t.Error(diff, w.about("jwtguard_validations_total"))
	}
}

// The places of counters are made from these lists.
func TestEveryWordHasItsPlace(t *testing.T) {
	if n := len(verify.Reasons()); n != reasons {
		t.Errorf("there are %d reasons, and places for %d", n, reasons)
	}
	if n := len(jwkscache.Results()); n != refreshResults {
		t.Errorf("there are %d results of a fetch, and places for %d", n, refreshResults)
	}
	var declared []string
	file, err := parser.ParseFile(token.NewFileSet(), "../../pkg/keyset/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Anomaly" {
				declared = append(declared, strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
			}
		}
		return true
	})
	var counted []string
	for _, a := range anomalies {
		counted = append(counted, string(a))
	}
	if diff := cmp.Diff(sorted(declared), sorted(counted)); diff != "" {
		t.Errorf("(- declared, + counted)\n%s", diff)
	}
	if n := max(len(durationBounds), len(lifetimeBounds)); n != mostBuckets-1 {
		t.Errorf("%d bounds, and room for %d", n, mostBuckets-1)
	}
	var b block
	b[placeOf("no such reason")].Add(1)
	b.each(func(r verify.Reason, n uint64) {
		if r != verify.InternalError || n != 1 {
			t.Errorf("an unknown reason is counted as %d × %s", n, r)
		}
	})
}

// A key that was dropped and listed again is the same subject: its row goes on, and
// there is one.
func TestRecordThatIsMadeAnewGoesOn(t *testing.T) {
	w := newWorld(t)
	d := accepted(w)
	w.Observe(t.Context(), &d, 0, "")
	again := *d.Key
	again.Usage = new(keyset.Usage)
	d.Key = &again
	w.Observe(t.Context(), &d, 0, "")
	if rows := w.about("validations"); len(rows) != 1 || !strings.HasSuffix(rows[0], " 2") {
		t.Error(rows)
	}
}

// A key is met while a scrape is made that was told of the keys before it was listed:
// its first decision is counted all the same.
func TestScrapeForgetsNoKeyThatIsJustMet(t *testing.T) {
	w := newWorld(t)
	c := &w.metrics.counts
	d := accepted(w)
	d.Key = &keyset.Key{Usage: new(keyset.Usage)}
	met := c.tally(&d)
	c.prune(nil, d.At.Wall)
	met.count(&d, placeOf(d.Reason))
	if again := c.tally(&d); again != met {
		t.Error("the key was forgotten, and what was counted of it")
	}
}
