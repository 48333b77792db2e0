package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/time/rate"

	"github.com/jwtguard/jwtguard/internal/admin"
	"github.com/jwtguard/jwtguard/internal/jose"
	"github.com/jwtguard/jwtguard/internal/ledger"
)

// Whoever reaches the port must not fill the disk: the ledger is kept for ever.
func TestRefusedAttemptsTakeLittleOfTheLedger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	l, err := ledger.Open(t.Context(), ledger.Config{Dir: dir, Guard: "g", Version: "v", ReadKey: jose.ReadMaterial})
	if err != nil {
		t.Fatal(err)
	}
	g := &guard{log: slog.New(slog.DiscardHandler), ledger: l, refusals: refusalNotes{noted: rate.NewLimiter(0, notedAtOnce)}}
	for range 100 {
		g.refused(admin.Refusal{From: "192.0.2.1:9", Status: 401, Reason: admin.WrongToken, Omitted: 2})
	}
	g.refusals.noted = rate.NewLimiter(rate.Inf, 1)
	g.refused(admin.Refusal{From: "192.0.2.1:9", Status: 401, Reason: admin.WrongToken})
	if err := l.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "ledger.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Count(string(text), `"event":"admin_refused"`)
	if lines != notedAtOnce+1 || !strings.Contains(string(text), `"omitted":"210"`) { // 70 of ours, and 2 before each
		t.Errorf("%d lines:\n%s", lines, text)
	}
}
