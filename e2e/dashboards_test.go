package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// Every expression of every dashboard, asked of a Prometheus that saw two guards go
// through all that the dashboards are about, has an answer.
func TestDashboardsShowARotation(t *testing.T) {
	t.Parallel()
	f := newFleet(t, setup{keys: "grace: 12s"})
	old, next, last := f.key, devissuer.SharedKey("2026-12", "RS256"), devissuer.SharedKey("2027-01", "EdDSA")
	nobody := devissuer.NewKey("nobody", "ES256")
	forged := devissuer.NewKey(old.KID, "ES256")
	noise := []string{f.of(nobody), f.of(forged), "nonsense"}
	both := func(k *devissuer.Key, state string) string {
		return fmt.Sprintf(`jwtguard_key_state{kid="%s", state="%s"} == 1`, k.KID, state)
	}
	used := func(k *devissuer.Key, state string) string {
		return fmt.Sprintf(`rate(jwtguard_validations_total{kid="%s", key_state="%s", reason="ok"}[5s]) > 0`, k.KID, state)
	}

	inFlight := f.of(old)
	f.present(append(noise, inFlight)...)
	f.await("the first key is in use", 2, used(old, "active"))
	f.issuer.Publish(next)
	f.await("the next key is known", 2, both(next, "active"))
	f.present(append(noise, inFlight, f.of(next))...)
	f.await("the next key is in use", 2, used(next, "active"))
	f.issuer.Withdraw(old.KID)
	f.await("the old key drains", 2, used(old, "grace"))
	f.await("the old key is retired", 2, both(old, "retired"))
	f.await("it is still tried, in all three ways", 6, `rate(jwtguard_retired_key_attempts_total[5s]) > 0`)

	f.issuer.Publish(old)
	f.await("it is published again", 2, `increase(jwtguard_key_anomalies_total{type="retired_key_returned"}[10s]) > 0`)
	f.issuer.Fail(devissuer.JWKSPath, devissuer.StatusFault(http.StatusInternalServerError))
	f.await("a fetch fails", 2, `increase(jwtguard_jwks_refreshes_total{result="http_status"}[10s]) > 0`)
	f.issuer.Heal()
	f.issuer.Publish(last)
	f.await("the last key is known", 2, both(last, "active"))
	f.present(append(noise, inFlight, f.of(next), f.of(last))...)
	f.await("the last key is in use", 2, used(last, "active"))
	for _, w := range []*world{f.world, f.second} {
		w.order("retire", "--grace", "30m", "corp", next.KID)
	}
	f.await("the next key is in grace", 2, used(next, "grace"))

	known, err := f.prom.LabelValues(harnesstest.Step(t), "__name__", `{job="jwtguard"}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range shippedDashboards(t) {
		all, chosen := f.choices(name, d)
		for _, p := range d.Panels {
			for _, x := range p.Targets {
				// Also the part behind an "or" asks for what there is.
				for _, metric := range ours.FindAllString(x.Expr, -1) {
					if !slices.Contains(known, metric) {
						t.Errorf("%s: %s: %s is no metric", name, p.Title, metric)
					}
				}
				f.shows(fmt.Sprintf("%s: %s", name, p.Title), x, all)
				f.shows(fmt.Sprintf("%s: %s, with all of each variable chosen", name, p.Title), x, chosen)
			}
		}
	}
	f.tellsTheTruth(old, next, last)
	for name, expr := range ruleExpressions(t) {
		if _, err := f.prom.Query(harnesstest.Step(t), expr); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// choices runs the queries of the variables, and says what Grafana puts in their
// places: for "All", and if all the values are chosen one by one.
func (f *fleet) choices(name string, d dashboard) (all, chosen *strings.Replacer) {
	f.t.Helper()
	lately := fmt.Sprintf("%ds", int(time.Since(f.began).Seconds())+1)
	// Grafana takes four scrapes, and 15 s at least.
	pairs := []string{"$__rate_interval", "15s", "$__range", lately}
	one := slices.Clone(pairs)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		asked := labelValues.FindStringSubmatch(v.ask())
		if asked == nil {
			f.t.Fatalf("%s: variable %s: %q is no label_values()", name, v.Name, v.ask())
		}
		values, err := f.prom.LabelValues(harnesstest.Step(f.t), asked[2], strings.NewReplacer(pairs...).Replace(asked[1]))
		if err != nil || len(values) == 0 {
			f.t.Errorf("%s: variable %s: no values: %v", name, v.Name, err)
		}
		for i, value := range values {
			values[i] = strings.ReplaceAll(regexp.QuoteMeta(value), `\`, `\\`)
		}
		pairs = append(pairs, "$"+v.Name, v.AllValue)
		one = append(one, "$"+v.Name, "("+strings.Join(values, "|")+")")
	}
	return strings.NewReplacer(pairs...), strings.NewReplacer(one...)
}

var ours = regexp.MustCompile(`\bjwtguard_[a-z0-9_]+`)

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// shows wants an expression to give at least one number.
func (f *fleet) shows(what string, x target, variables *strings.Replacer) {
	f.t.Helper()
	expr := variables.Replace(x.Expr)
	if strings.Contains(expr, "$") {
		f.t.Errorf("%s: a variable that is none in %s", what, expr)
		return
	}
	var got []harness.Series
	var err error
	if x.Instant {
		got, err = f.prom.Query(harnesstest.Step(f.t), expr)
	} else {
		got, err = f.prom.QueryRange(harnesstest.Step(f.t), expr, f.began)
	}
	if err != nil || !hasData(got) {
		f.t.Errorf("%s: no data (%v): %s", what, err, expr)
	}
}

// tellsTheTruth holds what some panels say against what has happened: old is
// retired, next in grace, and last in use.
func (f *fleet) tellsTheTruth(old, next, last *devissuer.Key) {
	f.t.Helper()
	boards := shippedDashboards(f.t)
	for _, want := range []struct {
		board, panel string
		target       int
		label        string
		rows         map[string]string // by the label
	}{
		{"rotation.json", "Keys", 0, "kid", map[string]string{old.KID: "4", next.KID: "2", last.KID: "1"}},
		{"rotation.json", "Keys", 1, "kid", map[string]string{old.KID: "2", next.KID: "2", last.KID: "2"}},
		{"rotation.json", "Guards that lack a key", 0, "kid", map[string]string{last.KID: "0"}},
		{"rotation.json", "Safe to retire?", 0, "kid", map[string]string{next.KID: "0", last.KID: "0"}},
		{"retirement.json", "Keys out of service", 0, "", map[string]string{"": "1"}},
		{"retirement.json", "Past their deadline and still used", 0, "", map[string]string{"": "0"}},
		{"retirement.json", "Guards that still accept it", 0, "kid", map[string]string{old.KID: "0"}},
		{"health.json", "Different key sets", 0, "issuer", map[string]string{"corp": "1"}},
		{"health.json", "Usable keys", 0, "issuer", map[string]string{"corp": "2"}},
		// Two tokens of next and one of last: none that was refused, nor that of the retired key.
		{"health.json", "Token cache: entries", 0, "instance", map[string]string{f.metrics: "3", f.second.metrics: "3"}},
		{"health.json", "Ledger: errors", 0, "instance", map[string]string{f.metrics: "0", f.second.metrics: "0"}},
	} {
		d := boards[want.board]
		all, _ := f.choices(want.board, d)
		// The first of the name: a table of the same name comes later.
		at := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == want.panel })
		if at < 0 {
			f.t.Errorf("%s: no panel %s", want.board, want.panel)
			continue
		}
		series, err := f.prom.Query(harnesstest.Step(f.t), all.Replace(d.Panels[at].Targets[want.target].Expr))
		if err != nil {
			f.t.Errorf("%s: %s: %v", want.board, want.panel, err)
		}
		got := map[string]string{}
		for _, s := range series {
			got[s.Labels[want.label]] = s.Values[0]
		}
		if fmt.Sprint(got) != fmt.Sprint(want.rows) {
			f.t.Errorf("%s: %s: got %v, want %v", want.board, want.panel, got, want.rows)
		}
	}
}
