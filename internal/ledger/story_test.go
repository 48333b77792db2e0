package ledger

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// The life of one key, as it stands in the file.
func TestLifeOfAKeyInLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ctx := newDisk(), context.Background()
		l := d.open(t)
		stop := run(t, l)
		clock := clockFrom(time.Time{})
		set := keyset.New(keyset.Params{Interval: 5 * time.Minute, MaxStale: time.Hour, Grace: 10 * time.Minute, RemovalConfirm: time.Minute})
		observe := func(keys ...string) {
			t.Helper()
			next, events := set.Observe(document(keys...), clock(), clock())
			set = next
			c := change(set, events)
			if keyset.Widens(events) {
				if err := l.Commit(ctx, c); err != nil {
					t.Fatal(err)
				}
			} else if err := l.Record(c)(ctx); err != nil {
				t.Fatal(err)
			}
		}
		observe("A=m1/n1")
		time.Sleep(5 * time.Minute)
		observe("A=m1/n1") // not worth a line
		ref, _ := set.Lookup("A")
		ref.Allow(clock().Wall, clock().Wall.Add(time.Hour), clock().Wall.Add(-time.Minute))
		time.Sleep(10 * time.Minute)
		observe("A=m1/n1") // worth one
		time.Sleep(time.Minute)
		l.Note("admin_refused", map[string]string{"peer": "10.0.0.9", "Bad Name": "x", "why": "no \"token\"\n"})
		next, events, err := set.Apply(keyset.Order{Action: keyset.Revoke, Kid: "A", Reason: "stolen", Actor: "alice", Forced: true}, clock())
		if err != nil {
			t.Fatal(err)
		}
		set = next
		if err := l.Record(change(set, events))(ctx); err != nil {
			t.Fatal(err)
		}
		l.Record(keyset.Change{Events: []keyset.Event{{Type: keyset.EventAnomaly, Anomaly: keyset.ClockStep, At: clock(), Detail: "1h0m0s"}}})
		ref.Attempt(keyset.Invalid)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}

		chain := regexp.MustCompile(`"prev":"[0-9a-f]{64}",|,"hash":"[0-9a-f]{64}"`)
		got := strings.Join(d.whole(t), "\n")
		got = chain.ReplaceAllString(strings.ReplaceAll(got, `"issuer":"corp","iss":"https://issuer.example.com"`, `ISS`), "")
		want := strings.TrimSpace(`
{"seq":1,"time":"2000-01-01T00:00:00Z","life":"2000-01-01T00:00:00Z","event":"file_opened","format":1,"guard":"edge-1","version":"v1.2.3","records":0}
{"seq":2,"time":"2000-01-01T00:00:00Z","life":"2000-01-01T00:00:00Z","event":"guard_started","guard":"edge-1","version":"v1.2.3"}
{"seq":3,"time":"2000-01-01T00:00:00Z","life":"2000-01-01T00:00:00Z","event":"key_first_seen",ISS,"kid":"A","thumbprint":"thumbprint-of-m1","key":{"thumbprint":"thumbprint-of-m1","modulus":"n1","jwk":{"material":"m1/n1"},"kids":[{"kid":"A","first_seen":"2000-01-01T00:00:00Z","last_seen":"2000-01-01T00:00:00Z"}],"first_seen":"2000-01-01T00:00:00Z","last_seen":"2000-01-01T00:00:00Z","told":"active"}}
{"seq":4,"time":"2000-01-01T00:00:00Z","life":"2000-01-01T00:00:00Z","event":"key_state",ISS,"kid":"A","thumbprint":"thumbprint-of-m1","to":"active"}
{"seq":5,"time":"2000-01-01T00:00:00Z","life":"2000-01-01T00:00:00Z","event":"observed",ISS,"observed":{"wall":"2000-01-01T00:00:00Z","life":"2000-01-01T00:00:00Z"}}
{"seq":6,"time":"2000-01-01T00:10:00Z","life":"2000-01-01T00:10:00Z","event":"usage",ISS,"kid":"A","thumbprint":"thumbprint-of-m1","usage":{"allowed":1,"last_used":"2000-01-01T00:05:00Z","latest_token_expiry":"2000-01-01T01:05:00Z","latest_token_issued":"2000-01-01T00:04:00Z","longest_lifetime":"1h1m0s"}}
{"seq":7,"time":"2000-01-01T00:15:00Z","life":"2000-01-01T00:15:00Z","event":"observed",ISS,"observed":{"wall":"2000-01-01T00:15:00Z","life":"2000-01-01T00:15:00Z"}}
{"seq":8,"time":"2000-01-01T00:16:00Z","life":"2000-01-01T00:16:00Z","event":"admin_refused","attrs":{"peer":"10.0.0.9","why":"no \"token\"\n"}}
{"seq":9,"time":"2000-01-01T00:16:00Z","life":"2000-01-01T00:16:00Z","event":"key_ordered",ISS,"kid":"A","thumbprint":"thumbprint-of-m1","action":"revoke","forced":true,"reason":"stolen","actor":"alice","key":{"thumbprint":"thumbprint-of-m1","modulus":"n1","jwk":{"material":"m1/n1"},"kids":[{"kid":"A","first_seen":"2000-01-01T00:00:00Z","last_seen":"2000-01-01T00:15:00Z"}],"first_seen":"2000-01-01T00:00:00Z","last_seen":"2000-01-01T00:15:00Z","retired_at":"2000-01-01T00:16:00Z","revoked_at":"2000-01-01T00:16:00Z","final":true,"reason":"stolen","actor":"alice","told":"revoked"}}
{"seq":10,"time":"2000-01-01T00:16:00Z","life":"2000-01-01T00:16:00Z","event":"key_state",ISS,"kid":"A","thumbprint":"thumbprint-of-m1","from":"active","to":"revoked","reason":"stolen","actor":"alice"}
{"seq":11,"time":"2000-01-01T00:16:00Z","life":"2000-01-01T00:16:00Z","event":"anomaly","anomaly":"clock_step","detail":"1h0m0s"}
{"seq":12,"time":"2000-01-01T00:16:00Z","life":"2000-01-01T00:16:00Z","event":"usage",ISS,"kid":"A","thumbprint":"thumbprint-of-m1","usage":{"denied":1,"attempts":{"invalid":1},"last_used":"2000-01-01T00:05:00Z","latest_token_expiry":"2000-01-01T01:05:00Z","latest_token_issued":"2000-01-01T00:04:00Z","longest_lifetime":"1h1m0s"}}
{"seq":13,"time":"2000-01-01T00:16:00Z","life":"2000-01-01T00:16:00Z","event":"guard_stopped","guard":"edge-1","version":"v1.2.3"}
`)
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if l := d.open(t); !l.Last().Equal(clock().Life) || len(l.Findings()) != 0 {
			t.Errorf("last %v, findings %q", l.Last(), l.Findings())
		}
	})
}

// A key that was put out of service by its name stays one record, with one
// account of its use, when its material comes to light.
func TestNamelessRecordTakesOnItsMaterial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ctx, clock := newDisk(), context.Background(), clockFrom(time.Time{})
		l := d.open(t)
		stop := run(t, l)
		set, events, err := keyset.New(keyset.Params{Interval: time.Minute}).Apply(keyset.Order{Action: keyset.Retire, Kid: "old"}, clock())
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Record(change(set, events))(ctx); err != nil {
			t.Fatal(err)
		}
		set.Keys()[0].Attempt(keyset.Unchecked)
		time.Sleep(6 * time.Minute)
		set, events = set.Observe(document("new=m2", "old=m1"), clock(), clock())
		set.Keys()[0].Attempt(keyset.Unchecked)
		if err := l.Record(change(set, events))(ctx); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		lines := d.whole(t)
		if got := strings.Join(lines, "\n"); strings.Contains(got, eventForgotten) || strings.Count(got, `"was":"old"`) != 1 || strings.Count(got, `"denied":1,`) != 2 {
			t.Error(got)
		}
		again := d.open(t).Restored()[0].Set
		want(t, again.Keys(), set)
		if got := again.Keys()[0].Tally(); got.Denied != 2 || got.Attempts[keyset.Unchecked] != 2 {
			t.Errorf("%+v", got)
		}
	})
}
