package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jwtguard/jwtguard/e2e/harness"
)

// account holds what the guard has on record against what was asked. It ends the
// guard.
func (w *world) account() {
	checks := w.crowd.checks.Load()
	text, _ := w.get(w.guard.Metrics + "/metrics")
	for _, metric := range []string{"jwtguard_validations_total", "jwtguard_decisions_total", "jwtguard_check_duration_seconds_count"} {
		if n := sum(text, metric); n != checks {
			w.Errorf("%s: %d, and there were %d checks", metric, n, checks)
		}
	}
	w.sameByReason(text)
	if w.told.Load() == 0 {
		w.Error("no reader of events was told of anything")
	}
	w.sameByKey("metrics", allowed(text))
	if err := w.guard.Stop(); err != nil {
		w.Error(err)
	}
	w.sameByKey("the evidence", w.evidence())
	w.readLog()
}

// sameByReason holds how often the guard says that it gave each reason against how
// often it was met here, and prints that.
func (w *world) sameByReason(text string) {
	said := map[string]int64{}
	for _, row := range rows(text, "jwtguard_decisions_total") {
		said[row.label("reason")] += row.value
	}
	met := map[string]int64{}
	for reason, n := range w.crowd.reasons.Range {
		met[reason.(string)] = n.(*atomic.Int64).Load()
	}
	for _, reason := range slices.Sorted(maps.Keys(met)) {
		fmt.Fprintf(w.Output(), "%11d %s\n", met[reason], reason)
	}
	if diff := cmp.Diff(met, said); diff != "" {
		w.Errorf("reasons met (-) and in the metrics (+):\n%s", diff)
	}
}

// sameByKey holds the allowed tokens of each key against what was counted here.
func (w *world) sameByKey(who string, allowed map[string]int64) {
	for _, i := range append(w.issuers, w.visitor) {
		for _, k := range i.all() {
			if n := k.allowed.Load(); n != allowed[k.KID] {
				w.Errorf("%s: %d tokens of %s allowed, and it was %d", who, allowed[k.KID], k.KID, n)
			}
		}
	}
}

// evidence exports and verifies the ledger, and gives what it says of each key.
func (w *world) evidence() map[string]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	file := w.file("evidence.json")
	for _, args := range [][]string{
		{"evidence", "export", "-c", w.file("jwtguard.yaml"), "-o", file},
		{"evidence", "verify", "--guards", "soak", file},
	} {
		said, err := harness.Command(ctx, w.binary, args...)
		if err != nil || said.Status != 0 {
			w.Errorf("%v: %d %v %s", args, said.Status, err, said.Stderr)
		}
	}
	var export struct {
		Keys []struct {
			Kid     string
			Allowed int64
		}
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &export)
	}
	if err != nil {
		w.Errorf("evidence: %v", err)
	}
	all := map[string]int64{}
	for _, k := range export.Keys {
		all[k.Kid] += k.Allowed
	}
	return all
}

// readLog looks for what a guard in good health never says.
func (w *world) readLog() {
	for line := range strings.Lines(w.guard.Stderr.String()) {
		bad := strings.Contains(line, `"level":"ERROR"`) && !strings.Contains(line, `"msg":"config_reload_failed"`)
		if bad || strings.Contains(line, "panic") || strings.Contains(line, "internal_error") {
			w.Errorf("the guard says: %s", line)
		}
	}
}

// sum adds up all samples of a metric.
func sum(text, metric string) int64 {
	total := int64(0)
	for _, row := range rows(text, metric) {
		total += row.value
	}
	return total
}

// allowed are the tokens that passed, by kid.
func allowed(text string) map[string]int64 {
	all := map[string]int64{}
	for _, row := range rows(text, "jwtguard_validations_total") {
		if row.label("decision") == "allow" {
			all[row.label("kid")] += row.value
		}
	}
	return all
}

// A row is one sample of a metric.
type row struct {
	labels string
	value  int64
}

func rows(text, metric string) (all []row) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, metric)
		if !ok || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		space := strings.LastIndexByte(rest, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(rest[space+1:]), 64)
		if err != nil {
			value = -1 // never right
		}
		all = append(all, row{rest[:space], int64(value)})
	}
	return all
}

// label is the value of one; those here need no escapes.
func (r row) label(name string) string {
	_, rest, _ := strings.Cut(r.labels, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
