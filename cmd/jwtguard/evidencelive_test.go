package main

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// Who asks a running guard gets what was counted until now, in the very bytes that
// the command makes of the ledger after it.
func TestEvidenceOverTheAPI(t *testing.T) {
	w := newWorld(t)
	old := devissuer.NewKey("old", "ES256")
	w.issuer.Publish(old)
	g := w.startReady(w.config("guard: edge-1\nstate_dir: \"" + w.path("state") + "\"\n"))
	e := g.envoy()
	for range 3 {
		e.gets(w.tokenOf(old, nil), "ok")
	}
	w.keys("revoke", "corp", "old", "--reason", "stolen").says(t, 0, "revoked")
	e.gets(w.tokenOf(old, nil), "key_revoked")
	command := func(args ...string) string {
		t.Helper()
		w.evidence(append([]string{"export", "-c", w.file, "-o", w.path("command")}, args...)...).says(t, 0)
		text, err := os.ReadFile(w.path("command"))
		w.must(err)
		return string(text)
	}

	status, text := g.http("unix", "/api/v1/evidence")
	for _, part := range []string{`"guard":"edge-1"`, `"allowed":3,"denied":1,`, `"attempts_after_retirement":{"valid":1,"invalid":0,"unchecked":0}`, `\"event\":\"evidence_exported\",\"attrs\":{\"by\":\"` + fmt.Sprint("uid:", os.Getuid())} {
		if status != 200 || !strings.Contains(text, part) {
			t.Errorf("%d, without %s", status, part)
		}
	}
	if command() != text {
		t.Error("the command gives other bytes")
	}
	w.must(os.WriteFile(w.path("api.json"), []byte(text), 0o600))
	verified := w.evidence("verify", "--guards", "edge-1", w.path("api.json"))
	if verified.says(t, 0, "good      api.json: guard edge-1, ", "every hash and figure holds"); strings.Contains(verified.stdout, "5 minutes") {
		t.Errorf("all is in that was counted: %s", verified.stdout)
	}
	to, _, _ := strings.Cut(text[strings.Index(text, `"to":"`)+6:], `"`)
	if _, period := g.http("unix", "/api/v1/evidence?from=2001-01-01&to="+url.QueryEscape(to)); period != command("--from", "2001-01-01", "--to", to) {
		t.Error("of a period, the command gives other bytes")
	}
	if status, readable := g.http("unix", "/api/v1/evidence?format=markdown&to="+url.QueryEscape(to)); status != 200 || readable != command("--format", "markdown", "--to", to) {
		t.Errorf("the command gives another document:\n%s", readable)
	}
	if status, problem := g.http("unix", "/api/v1/evidence?to=2001-01-01"); status != 404 || !strings.Contains(problem, "nothing is on record until 2001-01-01T23:59:59Z") {
		t.Errorf("%d %s", status, problem)
	}
	w.must(os.WriteFile(w.path("state/ledger.jsonl"), bytes.Replace(w.ledgerText(), []byte("stolen"), []byte("mislaid"), 1), 0o600))
	if status, problem := g.http("unix", "/api/v1/evidence"); status != 500 || !strings.Contains(problem, "its hash does not match its content") {
		t.Errorf("%d %s", status, problem)
	}
}

func (w *world) ledgerText() []byte {
	w.t.Helper()
	text, err := os.ReadFile(w.path("state/ledger.jsonl"))
	w.must(err)
	return text
}

// A guard without a state directory has no evidence, and says what to do.
func TestNoEvidenceWithoutAStateDirectory(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.listen() + "issuers:\n" + w.fixed(""))
	if status, problem := g.http("unix", "/api/v1/evidence"); status != 409 || !strings.Contains(problem, "set state_dir in its configuration and start it anew") {
		t.Errorf("%d %s", status, problem)
	}
}

// Every export of a ledger that is being written is whole, and a beginning of those
// that come later.
func TestEvidenceWhileOrdersComeIn(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.listen() + "state_dir: " + w.path("state") + "\nissuers:\n" + w.fixed(""))
	const orders, exports = 60, 2 * accountsAtOnce
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range orders {
			w.keys("revoke", "--unseen", "--reason", "leaked", "corp", fmt.Sprint("lost-", n)).says(t, 0, "in force and durable")
		}
	}()
	files := []string{"verify"}
	for n := range exports {
		status, text := g.http("unix", "/api/v1/evidence")
		file := w.path(fmt.Sprintf("%02d.json", n))
		if files = append(files, file); status != 200 {
			t.Errorf("%d %s", status, text)
		}
		w.must(os.WriteFile(file, []byte(text), 0o600))
		w.evidence("verify", file).says(t, 0, "every hash and figure holds")
	}
	<-done
	w.must(g.stop())
	w.evidence("export", "-c", w.file, "-o", w.path("last.json")).says(t, 0, fmt.Sprintf(" %d keys, ", orders+1))
	w.evidence(append(files, w.path("last.json"))...).says(t, 0)
}
