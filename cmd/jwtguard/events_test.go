package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// events reads the events of the guard until told is satisfied, or the stream ends.
func (g *guardRun) events(told func(name, data string) bool) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", g.path("admin.sock"))
	}}}
	r, err := http.NewRequestWithContext(ctx, "GET", "http://localhost/api/v1/events", nil)
	g.must(err)
	resp, err := client.Do(r)
	g.must(err)
	defer resp.Body.Close()
	lines, name := bufio.NewScanner(resp.Body), ""
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = event
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && told(name, data) {
			return
		}
	}
	if ctx.Err() != nil {
		g.t.Fatal("the events that were waited for did not come")
	}
}

// What a reader of events is told of the life of keys is what stands in the ledger,
// and after a restart it is told in the very same words.
func TestLifeEventsAreTheLedgersRecords(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.listen() + "state_dir: " + w.path("state") + "\nissuers:\n" + w.fixed("", devissuer.SharedKey("next", "ES256").JWK()))
	w.keys("revoke", "--reason", "leaked", "corp", "next").says(t, 0, "in force and durable")
	var words []string
	var told []map[string]any
	g.events(func(name, data string) bool {
		if name != "life" {
			return false
		}
		l := object(t, data)
		words, told = append(words, data), append(told, l)
		return l["to"] == "revoked"
	})
	text, err := os.ReadFile(w.path("state/ledger.jsonl"))
	g.must(err)
	var kept []map[string]any
	for line := range strings.Lines(string(text)) {
		var l map[string]any
		g.must(json.Unmarshal([]byte(line), &l))
		event, _ := l["event"].(string)
		if !strings.HasPrefix(event, "key_") && !strings.HasPrefix(event, "kid_") && event != "anomaly" || event == "key_record" {
			continue // the ledger's own
		}
		for _, chain := range []string{"seq", "prev", "hash", "key", "was"} {
			delete(l, chain)
		}
		kept = append(kept, l)
	}
	if diff := cmp.Diff(kept, told); diff != "" || len(told) < 4 {
		t.Errorf("-ledger +events:\n%s", diff)
	}
	w.must(g.stop())
	var again []string
	w.startFile().events(func(name, data string) bool {
		if name == "life" {
			again = append(again, data)
		}
		return len(again) == len(words)
	})
	if diff := cmp.Diff(words, again); diff != "" {
		t.Errorf("-before +after the restart:\n%s", diff)
	}
}

// Refused requests are summed for readers; and a reader who stays does not keep a
// guard from stopping.
func TestReadersSeeRefusalsAndDoNotHoldAGuardUp(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.listen() + "issuers:\n" + w.fixed(""))
	w.keys("show", "corp", w.key.KID).says(t, 0, "  no: this guard has counted its uses without a gap only since 20")
	g.envoy().gets("nonsense", "token_malformed")
	asked, stopping := false, time.Time{}
	g.events(func(name, data string) bool {
		if name == "refusals" && !asked {
			if data != `{"token_malformed":1}` {
				t.Errorf("refusals %s", data)
			}
			asked, stopping = true, time.Now()
			g.signals <- syscall.SIGTERM
		}
		return false
	})
	select {
	case err := <-g.done:
		if err != nil || !asked || time.Since(stopping) > patienceOfTests/2 {
			t.Errorf("%v, after %s", err, time.Since(stopping))
		}
	case <-time.After(patienceOfTests):
		t.Error("it does not stop")
	}
}
