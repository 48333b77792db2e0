package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/admin"
)

// newState is a state directory that is yet to be made.
func newState(t testing.TB) string { return filepath.Join(harnesstest.TempDir(t), "state") }

// keys runs "jwtguard keys" on the world's guard.
func (w *world) keys(args ...string) harness.Said {
	w.t.Helper()
	args = append([]string{"keys"}, append(args, "-c", filepath.Join(w.guardDir, "jwtguard.yaml"))...)
	said, err := harness.Command(harnesstest.Step(w.t), w.binary, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return said
}

// durable tells whether a command says that its order is in force and durable.
func durable(said harness.Said) bool {
	return said.Status == 0 && strings.Contains(said.Stdout, ": in force and durable\n")
}

// order gives an order that has to be in force and durable.
func (w *world) order(args ...string) {
	w.t.Helper()
	if said := w.keys(append(args, "--reason", "e2e")...); !durable(said) {
		w.t.Fatalf("%q: %+v", args, said)
	}
}

// refused gives an order that has to be refused, with these words.
func (w *world) refused(status int, words []string, args ...string) {
	w.t.Helper()
	said := w.keys(args...)
	for _, word := range words {
		if said.Status != status || !strings.Contains(said.Stderr, word) {
			w.t.Fatalf("%q: want exit status %d and %q: %+v", args, status, word, said)
		}
	}
}

// refresh has the guard fetch: it knows then what the issuer lists now.
func (w *world) refresh() {
	w.t.Helper()
	if said := w.keys("refresh", "corp"); said.Status != 0 || !strings.HasPrefix(said.Stdout, "fetched: ") {
		w.t.Fatalf("refresh: %+v", said)
	}
}

// ask sends a request to the guard's admin listener; the header is of names and
// values in turn.
func (w *world) ask(method, path, body string, header ...string) (status int, answer string) {
	w.t.Helper()
	network, address := "tcp", w.admin
	if socket, ok := strings.CutPrefix(w.admin, "unix://"); ok {
		network, address = "unix", socket
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	r, err := http.NewRequestWithContext(harnesstest.Step(w.t), method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// rows are the keys that the guard lists, by kid; those without one by thumbprint.
func (w *world) rows() map[string]admin.Key {
	w.t.Helper()
	status, text := w.ask("GET", "/api/v1/keys", "")
	var all struct{ Keys []admin.Key }
	if err := json.Unmarshal([]byte(text), &all); err != nil || status != http.StatusOK {
		w.t.Fatalf("list: %d %v: %s", status, err, text)
	}
	rows := map[string]admin.Key{}
	for _, k := range all.Keys {
		name := k.Kid
		if name == "" {
			name = k.Thumbprint
		}
		rows[name] = k
	}
	return rows
}

// said waits until the guard's log has an event, and counts it.
func (w *world) said(event string) int {
	w.t.Helper()
	mark := fmt.Sprintf(`"msg":%q`, event)
	if _, _, err := w.guard.Stderr.Next(harnesstest.Step(w.t), 0, func(l string) bool { return strings.Contains(l, mark) }); err != nil {
		w.t.Fatalf("the log does not say %s: %v", event, err)
	}
	return strings.Count(w.guard.Stderr.String(), mark)
}

// metric is the value of a metric without labels, as text; empty: there is none.
func (w *world) metric(name string) string {
	w.t.Helper()
	resp, err := http.Get("http://" + w.metrics + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
