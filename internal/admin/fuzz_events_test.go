package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// Whatever a reader says that it read last, it is told the newest life records, in
// their order and without a gap: all that are kept, or those after one of this run that
// it names by our own id. And what is told are whole events, whatever a key is called.
func FuzzEvents(f *testing.F) {
	for _, last := range []string{"", "RUN-0", "RUN-3", "RUN-5", "RUN-05", "RUN-+5", "RUN-18446744073709551616", "RUN--1", "run-3", "other-3", "RUN-3\n", "RUN-3-3"} {
		f.Add(last, uint16(8), "k\n\ndata: x")
		f.Add(last, uint16(13), "\u2028")
	}
	f.Fuzz(func(t *testing.T, last string, records uint16, kid string) {
		if records %= 16; records > 12 {
			records += keptLife // more than are kept; each costs time
		}
		w := newWorld(t, corp(t, "a"))
		feed := NewFeed(w, func() map[verify.Reason]uint64 { return nil }, nil)
		events := make([]keyset.Event, records)
		for i := range events {
			events[i] = keyset.Event{Type: keyset.EventState, Kid: kid, Detail: fmt.Sprint(i + 1), At: at(0)}
		}
		feed.Life(keyset.Change{Issuer: "https://corp.test", Name: "corp", Set: w.set("corp"), Events: events})
		feed.tellLife()
		last = strings.ReplaceAll(last, "RUN", feed.run)
		s := feed.join(context.Background(), last)
		feed.welcome()
		c := <-s.chunks

		from := max(0, int(records)-keptLife) + 1
		var n uint64
		if rest, ours := strings.CutPrefix(last, feed.run+"-"); ours {
			if _, err := fmt.Sscanf(rest, "%d", &n); err == nil && fmt.Sprint(n) == rest {
				from = max(from, int(min(n, 1<<30))+1)
			} else {
				from = 0 // not an id of ours: told again, or not, is all the same
			}
		}
		told := 0
		for _, e := range strings.SplitAfter(string(c.text), "\n\n") {
			if e == "" {
				continue
			}
			lines := strings.Split(strings.TrimSuffix(e, "\n\n"), "\n")
			if len(lines) != 3 || lines[0] != "event: life" && lines[1] != "event: life" {
				t.Fatalf("no event: %q", e)
			}
			number, l := 0, Life{}
			for _, line := range lines {
				name, value, _ := strings.Cut(line, ": ")
				switch name {
				case "id":
					_, _ = fmt.Sscanf(value, feed.run+"-%d", &number)
				case "data":
					if err := json.Unmarshal([]byte(value), &l); err != nil {
						t.Fatalf("%v: %q", err, value)
					}
				}
			}
			if told > 0 && number != told+1 || told == 0 && from > 0 && number != from || l.Detail != fmt.Sprint(number) {
				t.Fatalf("after %q: %d follows %d: %q", last, number, told, e)
			}
			told = number
		}
		if told != int(records) && (from == 0 && told != 0 || from > 0 && from <= int(records)) {
			t.Fatalf("after %q: told up to %d of %d", last, told, records)
		}
	})
}
