package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// Over TCP, whoever has the token gives orders, and nobody else.
func TestChangesOverTCPTakeTheToken(t *testing.T) {
	t.Parallel()
	state, dir := newState(t), harnesstest.TempDir(t)
	file := filepath.Join(dir, "operators")
	write := func(path, token string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(token+"\n"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "first-token-of-operators", 0o600)
	w := newWorld(t, setup{alone: true, state: state, admin: freePort(t), top: "admin: { token_file: " + file + " }"})
	const path, body = "/api/v1/keys/corp/gone/retire", `{"reason": "e2e", "unseen": true}`
	post := func(what string, status int, header ...string) {
		t.Helper()
		if got, text := w.ask("POST", path, body, header...); got != status {
			t.Errorf("%s: %d, want %d: %s", what, got, status, text)
		}
	}

	wrong := filepath.Join(dir, "wrong")
	write(wrong, "other-token-of-operators", 0o600)
	post("no token", http.StatusUnauthorized)
	w.refused(1, []string{"the token is not the content of admin.token_file", wrong}, "retire", "corp", "gone", "--unseen", "--reason", "e2e", "--token-file", wrong)
	post("another site's name", http.StatusForbidden, "Host", "rebound.example", "Authorization", "Bearer first-token-of-operators")
	post("another site's page", http.StatusForbidden, "Origin", "https://evil.example", "Authorization", "Bearer first-token-of-operators")
	if _, there := w.rows()["gone"]; there {
		t.Fatal("a refused order was carried out")
	}
	w.order("retire", "corp", "gone", "--unseen")
	if k := w.rows()["gone"]; !k.Final || k.Actor != "token:operators" {
		t.Errorf("%+v", k)
	}

	write(file, "first-token-of-operators", 0o644)
	post("the file is open to all", http.StatusUnauthorized, "Authorization", "Bearer first-token-of-operators")
	w.refused(2, []string{file, "can be read by every user", "chmod"}, "retire", "corp", "gone", "--unseen", "--reason", "e2e")
	write(file, "second-token-of-operators", 0o600)
	post("the old token", http.StatusUnauthorized, "Authorization", "Bearer first-token-of-operators")
	w.order("retire", "corp", "gone", "--unseen")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	post("no file", http.StatusUnauthorized, "Authorization", "Bearer second-token-of-operators")

	// Whatever was refused is on record, up to five a second, and without the token.
	if n := w.said("admin_refused"); n < 5 {
		t.Errorf("%d refusals in the log", n)
	}
	if err := w.guard.Stop(); err != nil {
		t.Fatal(err)
	}
	text := ledgerText(t, state)
	for _, reason := range []string{"token_missing", "token_wrong", "token_file", "host", "origin"} {
		if !strings.Contains(text, `"reason":"`+reason+`"`) {
			t.Errorf("the ledger has no refusal for the reason %s", reason)
		}
	}
	for _, record := range []string{text, w.guard.Stderr.String()} {
		if strings.Contains(record, "token-of-operators") {
			t.Error("a token is on record")
		}
	}
}
