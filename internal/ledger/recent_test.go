package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// told gives the newest lines of the life of keys: the event, the kid, and what it
// came to.
func (p *post) told(most int) (told []string) {
	p.Helper()
	lines, err := p.l.Recent(context.Background(), most)
	if err != nil {
		p.Fatal(err)
	}
	for _, text := range lines {
		var l struct {
			Time                   time.Time
			Event, Issuer, Kid, To string
		}
		if err := json.Unmarshal(text, &l); err != nil || l.Time.IsZero() || l.Issuer != "corp" || strings.Contains(string(text), "hash") || strings.Contains(string(text), "jwk") {
			p.Errorf("%v: %s", err, text)
		}
		told = append(told, strings.Join(strings.Fields(l.Event+" "+l.Kid+" "+l.To), " "))
	}
	return told
}

// What happened lately is known after a restart, from older files, too, and without
// what is of use alone.
func TestRecentLifeOutlivesARestart(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		p.cfg.RotateAt, p.l.cfg.RotateAt = 4000, 4000
		rotation(p)
		p.quit()
		p.cfg.RotateAt = 0
		p.start()
		if seqs, _ := archives(p.d.list()); len(seqs) <= recentFiles {
			t.Fatal(seqs)
		}
		p.lists("C=m3/n3")
		if strings.Contains(p.d.read(fileName), `"event":"key_ordered"`) {
			t.Fatal("all of it is in the newest file")
		}
		want := []string{"anomaly A", "key_ordered B", "key_state B revoked", "key_first_seen C", "key_state C active"}
		for n := 1; n <= len(want); n++ {
			if diff := cmp.Diff(want[len(want)-n:], p.told(n)); diff != "" {
				t.Errorf("the newest %d: %s", n, diff)
			}
		}
		if diff := cmp.Diff(want, p.told(1000)); diff != "" { // the files before are not read
			t.Error(diff)
		}
	})
}

// Of many lines the newest are told, in their order, and none of those that were
// damaged.
func TestRecentLifeIsTheNewest(t *testing.T) {
	atPost(t, "edge-1", func(p *post) {
		p.lists("A=m1/n1")
		for n := range 40 {
			p.order(keyset.Order{Action: keyset.Retire, Kid: "A", Reason: fmt.Sprint("order ", n), Grace: time.Duration(100-n) * time.Minute})
		}
		p.quit()
		p.d.write(fileName, strings.Replace(p.d.read(fileName), `"order 38"`, `"order 37"`, 1))
		lines, err := p.l.Recent(context.Background(), 4)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, text := range lines {
			var l struct{ Event, Reason string }
			if err := json.Unmarshal(text, &l); err != nil {
				t.Fatal(err)
			}
			got = append(got, l.Event+" "+l.Reason)
		}
		if diff := cmp.Diff([]string{"key_ordered order 35", "key_ordered order 36", "key_ordered order 37", "key_ordered order 39"}, got); diff != "" {
			t.Error(diff)
		}
	})
}
