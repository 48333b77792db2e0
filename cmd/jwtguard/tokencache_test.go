package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The bound of the token cache is hot as the rest of the configuration is. Each
// configuration begins with nothing remembered, and the one before lets go of its
// memory.
func TestReloadedTokenCache(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	e, token := g.envoy(), w.token()
	is := func(when string, want ...string) {
		t.Helper()
		_, text := g.http("tcp", "/metrics")
		var rows []string
		for line := range strings.Lines(text) {
			if row, ok := strings.CutPrefix(strings.TrimSpace(line), "jwtguard_token_cache_"); ok && !strings.HasPrefix(row, "bytes ") {
				rows = append(rows, row)
			}
		}
		slices.Sort(rows)
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s: (- expected, + scraped)\n%s", when, diff)
		}
	}
	reload := func(bound string) {
		t.Helper()
		old := g.service.guard.current.Load().verifier
		w.write(w.usual() + bound)
		if line := g.reload(); !strings.Contains(line, `"msg":"config_reloaded"`) {
			t.Error(line)
		}
		if size, ok := old.CacheSize(); ok {
			t.Errorf("the replaced configuration still holds %+v", size)
		}
	}
	twice := func() {
		t.Helper()
		e.gets(token, "ok")
		e.gets(token, "ok")
	}
	twice()
	is("as it is by default", "entries 1", `requests_total{result="hit"} 1`, `requests_total{result="miss"} 1`)
	reload("token_cache: {max_bytes: 1MiB}\n")
	is("reloaded", "entries 0", `requests_total{result="hit"} 1`, `requests_total{result="miss"} 1`)
	twice()
	is("in use again", "entries 1", `requests_total{result="hit"} 2`, `requests_total{result="miss"} 2`)
	reload("token_cache: {max_bytes: 0}\n")
	twice()
	is("turned off", `requests_total{result="hit"} 2`, `requests_total{result="miss"} 2`)
	reload("policies: {default: {required_scopes: [pay]}}\n")
	e.gets(token, "scope_insufficient")
	e.gets(token, "scope_insufficient")
	is("asked for more", "entries 0", `requests_total{result="hit"} 2`, `requests_total{result="miss"} 4`)
	if strings.Contains(g.log.String(), "config_needs_restart") {
		t.Error("the bound is said to need a restart")
	}
}
