package admin

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// The story of a reader: everything first, and then what changes.
func TestReadersAreToldWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old", "new"))
		w.refused(verify.TokenExpired, 3)
		defer w.run(t)()
		r := w.listen(t, "")
		defer r.leave()

		var fresh issuers
		r.want("issuers", &fresh)
		hourAgo, stale := noon.Add(-time.Hour), noon.Add(3*time.Hour)
		if diff := cmp.Diff([]Freshness{{Issuer: "corp", Usable: true, Observed: &hourAgo, StaleAt: &stale, Interval: "5m0s"}}, fresh.Issuers); diff != "" {
			t.Error(diff)
		}
		var rows usage
		r.want("usage", &rows)
		if !rows.All || !rows.At.Equal(noon) || len(rows.Keys) != 2 || rows.Keys[0].Kid != "old" || rows.Keys[1].Kid != "new" {
			t.Errorf("%+v", rows)
		}
		var refused map[string]uint64
		r.want("refusals", &refused)
		if diff := cmp.Diff(map[string]uint64{"token_expired": 3}, refused); diff != "" {
			t.Error(diff)
		}

		start := time.Now()
		rows = usage{}
		r.want("usage", &rows)
		if rows.All || len(rows.Keys) > 0 || time.Since(start) != time.Second {
			t.Errorf("nothing has changed: %+v after %s", rows, time.Since(start))
		}
		w.change(func(i *IssuerKeys) { used(t, *i, "new", time.Hour) })
		w.refused(verify.KidUnknown, 1)
		r.want("usage", &rows)
		if len(rows.Keys) != 2 || !rows.Keys[0].SafeToRetire.Reasons[1].OK || rows.Keys[1].Kid != "new" || rows.Keys[1].Allowed != 1 {
			t.Errorf("used, so that old has a successor: %+v", rows)
		}
		refused = nil
		r.want("refusals", &refused)
		if diff := cmp.Diff(map[string]uint64{"token_expired": 3, "kid_unknown": 1}, refused); diff != "" {
			t.Error(diff)
		}
		w.change(func(i *IssuerKeys) { i.Set = corp(t, "new").Set.WithFailure() })
		rows = usage{}
		r.want("issuers", &fresh)
		r.want("usage", &rows)
		if !fresh.Issuers[0].Failing || len(rows.Keys) != 1 || len(rows.Gone) != 1 || rows.Gone[0].Thumbprint != keyOf("old").Thumbprint() {
			t.Errorf("gone: %+v %+v", fresh, rows)
		}
	})
}

// What happens to keys is told at once, and by one id once, also to readers who
// come later or come back.
func TestLifeIsToldOnceToEveryReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old", "new"))
		happens := func(kid string) {
			k, _ := w.set("corp").Lookup(kid)
			w.api.cfg.Feed.Life(keyset.Change{Issuer: "https://idp.test", Name: "corp", Events: []keyset.Event{
				{Type: keyset.EventState, At: at(0), Kid: kid, Key: k.Key, From: keyset.Active, To: keyset.Grace},
				{Type: keyset.EventAnomaly, At: at(0), Anomaly: keyset.MassRemoval, Detail: "2 of 2"},
			}})
		}
		happens("old")
		defer w.run(t)()
		r := w.listen(t, "")
		r.state()
		start := time.Now()
		var got [4]Life
		var ids [4]string
		for i := range got {
			if i == 2 {
				happens("new")
			}
			ids[i] = r.want("life", &got[i]).id
		}
		r.leave()
		if time.Since(start) > 0 {
			t.Errorf("after %s", time.Since(start))
		}
		want := Life{Time: noon, Life: noon, Event: "key_state", Issuer: "corp", Iss: "https://idp.test", Kid: "old",
			Thumbprint: keyOf("old").Thumbprint(), From: "active", To: "grace"}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Error(diff)
		}
		if got[1].Anomaly != "mass_removal" || got[1].Detail != "2 of 2" || got[2].Kid != "new" {
			t.Errorf("%+v", got)
		}
		for after, missed := range map[string]int{ids[0]: 3, ids[3]: 0, "": 4, "another-1": 4, ids[0] + "x": 4} {
			r := w.listen(t, after)
			r.state()
			for i := range missed {
				var l Life
				if e := r.want("life", &l); e.id != ids[4-missed+i] {
					t.Errorf("after %q: %s, want %s", after, e.id, ids[4-missed+i])
				}
			}
			r.want("usage", new(usage))
			r.leave()
		}
	})
}

// What happened before the start comes first, with the times that it had then.
func TestLifeBeforeTheStartIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old"))
		w.past = [][]byte{
			[]byte(`{"seq":7,"time":"2026-07-31T23:59:58Z","life":"2026-07-31T23:59:59Z","prev":"00","event":"key_ordered","issuer":"corp","iss":"https://idp.test","kid":"old","thumbprint":"T","action":"retire","forced":true,"reason":"rotated","actor":"uid:7"}`),
			[]byte(`not a line`),
			[]byte(`{"seq":9,"time":"2026-08-01T00:00:00Z","life":"2026-08-01T00:00:00Z","event":"anomaly","anomaly":"clock_step","detail":"1h0m0s","attrs":{}}`),
		}
		w.serve(t, Config{})
		w.api.cfg.Feed.Life(keyset.Change{Name: "corp", Events: []keyset.Event{{Type: keyset.EventAnomaly, At: at(0), Anomaly: keyset.MassRemoval}}})
		defer w.run(t)()
		r := w.listen(t, "")
		defer r.leave()
		r.state()
		var got [3]Life
		ids := map[string]bool{}
		for i := range got {
			ids[r.want("life", &got[i]).id] = true
		}
		midnight := noon.Add(-12 * time.Hour)
		want := [3]Life{
			{Time: midnight.Add(-2 * time.Second), Life: midnight.Add(-time.Second), Event: "key_ordered", Issuer: "corp", Iss: "https://idp.test",
				Kid: "old", Thumbprint: "T", Action: "retire", Forced: true, Reason: "rotated", Actor: "uid:7"},
			{Time: midnight, Life: midnight, Event: "anomaly", Anomaly: "clock_step", Detail: "1h0m0s"},
			{Time: noon, Life: noon, Event: "anomaly", Issuer: "corp", Anomaly: "mass_removal"},
		}
		if diff := cmp.Diff(want, got); diff != "" || len(ids) != 3 {
			t.Error(diff, ids)
		}
		r.want("usage", new(usage))
	})
}

// Of what happened long ago the newest is kept.
func TestLifeThatIsKeptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range 5 {
			w.api.cfg.Feed.Life(keyset.Change{Events: make([]keyset.Event, keptLife/2)})
		}
		w.api.cfg.Feed.Life(keyset.Change{Events: []keyset.Event{{Type: keyset.EventAnomaly, Anomaly: keyset.ClockStep}}})
		defer w.run(t)()
		r := w.listen(t, "")
		defer r.leave()
		r.state()
		var last Life
		for range keptLife {
			r.want("life", &last)
		}
		if last.Anomaly != "clock_step" {
			t.Errorf("%+v", last)
		}
		r.want("usage", new(usage))
	})
}

// A reader that does not read is dropped, and nobody waits for it. When the guard
// stops, all are told so by the end of the answer.
func TestReadersThatDoNotReadAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, corp(t, "old"))
		stop := w.run(t)
		slow, quick := w.listen(t, ""), w.listen(t, "")
		quick.state()
		for range 2 * backlog {
			quick.want("usage", new(usage))
		}
		slow.state()
		for n := 0; ; n++ {
			if _, ok := slow.next(); !ok {
				if n > backlog {
					t.Errorf("%d events waited", n)
				}
				break
			}
		}
		<-slow.ended
		stop()
		for {
			if _, ok := quick.next(); !ok {
				break
			}
		}
		<-quick.ended
		late := w.listen(t, "")
		if e, ok := late.next(); ok {
			t.Errorf("after the end: %+v", e)
		}
	})
}

// So many may read at once; when one leaves there is room again.
func TestReadersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run(t)()
		var all []*reader
		for range maxStreams {
			r := w.listen(t, "")
			defer r.leave()
			r.state()
			all = append(all, r)
		}
		if a := w.do(t, request("GET", "/api/v1/events", "")); a.Status != 503 || a.Header.Get("Retry-After") != "1" {
			t.Errorf("%+v", a)
		}
		all[0].leave()
		r := w.listen(t, "")
		defer r.leave()
		r.state()
	})
}

// A list of many keys comes in parts.
func TestManyKeysAreToldInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := corp(t)
		records := make([]*keyset.Key, 2*rowsAtOnce+1)
		for n := range records {
			records[n] = &keyset.Key{Aliases: []keyset.Alias{{Kid: "k" + strings.Repeat("x", n)}}, Final: true, RetiredAt: noon}
		}
		i.Set = keyset.Restore(at(0), records)
		w := newWorld(t, i)
		defer w.run(t)()
		r := w.listen(t, "")
		defer r.leave()
		r.want("issuers", new(issuers))
		for n, want := range []int{rowsAtOnce, rowsAtOnce, 1} {
			var rows usage
			if r.want("usage", &rows); rows.All != (n == 0) || len(rows.Keys) != want {
				t.Errorf("part %d: %d rows, all: %t", n, len(rows.Keys), rows.All)
			}
		}
		r.want("refusals", new(map[string]uint64))
	})
}

// Of a server that gives each answer and each request some milliseconds, events go
// on for as long as they are read.
func TestEventsOutliveTheLimitsOfTheServer(t *testing.T) {
	w := newWorld(t, corp(t, "old"))
	defer w.run(t)()
	s := httptest.NewUnstartedServer(w.api)
	s.Config.ReadTimeout, s.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	s.Start()
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Error(got)
	}
	r := &reader{t: t, lines: bufio.NewScanner(resp.Body)}
	r.state()
	r.want("usage", new(usage)) // a second later
	r.want("usage", new(usage))
}

// A row of an event is one of the list.
func TestUsageIsWrittenLikeTheList(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	var list, events struct{ Keys []any }
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, request("GET", "/api/v1/keys", ""))
	decode(t, rec.Body.String(), &list)
	now := w.api.cfg.Feed.read()
	for text := range now.whole {
		for line := range strings.Lines(string(text)) {
			if data, ok := strings.CutPrefix(line, `data: {"at"`); ok {
				decode(t, `{"at"`+data, &events)
			}
		}
	}
	if diff := cmp.Diff(list, events); diff != "" || len(list.Keys) != 2 {
		t.Error(diff)
	}
}
