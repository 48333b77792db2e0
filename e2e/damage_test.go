package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// A ledger that cannot be trusted starts no guard, unless somebody accepts what
// that loses; and then as little as can be is lost.
func TestADamagedLedgerStartsNoGuard(t *testing.T) {
	t.Parallel()
	whole := newState(t)
	w := newWorld(t, setup{alone: true, state: whole})
	for _, kid := range []string{"first", "second", "third"} {
		w.order("retire", "--unseen", "corp", kid)
	}
	w.order("revoke", "--unseen", "--thumbprint", devissuer.SharedKey("leaked", "EdDSA").Thumbprint(), "corp", "-")
	if err := w.guard.Stop(); err != nil {
		t.Fatal(err)
	}
	text := []byte(ledgerText(t, whole))
	second := bytes.Index(text, []byte(`"kid":"second"`))
	damaged := bytes.Clone(text)
	damaged[second+len(`"kid":"s`)] ^= 1

	for name, c := range map[string]struct {
		text []byte
		says string
		kept []string // tombstones, once the loss was accepted
	}{
		"a flipped bit": {
			damaged, fmt.Sprintf("line %d: its hash does not match its content", 1+bytes.Count(text[:second], []byte("\n"))),
			[]string{"first", "third", devissuer.SharedKey("leaked", "EdDSA").Thumbprint()},
		},
		"a lost line": {
			append(bytes.Clone(text[:bytes.LastIndexByte(text[:second], '\n')+1]), text[second+bytes.IndexByte(text[second:], '\n')+1:]...),
			fmt.Sprintf("line %d: its prev is not the hash of the line before", 1+bytes.Count(text[:second], []byte("\n"))),
			[]string{"first", "third", devissuer.SharedKey("leaked", "EdDSA").Thumbprint()},
		},
		"a newer version": {newer(text), "line 1: written by a newer version (format 2, by version ", nil},
		"an empty file":   {nil, "it has no complete line", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w // with a guard of its own
			w.t = t
			t.Cleanup(func() { w.guard.Kill() })
			state := newState(t)
			if err := os.Mkdir(state, 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(state, "ledger.jsonl")
			if err := os.WriteFile(file, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			w.config = strings.Replace(w.config, whole, state, 1)
			w.startsNot(file+": "+c.says, "restore the file, or start with --accept-state-loss")
			if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, c.text) {
				t.Errorf("a guard that did not start has changed the ledger: %v", err)
			}

			w.startGuard("--accept-state-loss")
			w.said("ledger_finding")
			rows := w.rows()
			for _, name := range c.kept {
				if !rows[name].Final {
					t.Errorf("%s is trusted again: %+v", name, rows[name])
				}
			}
			aside, err := filepath.Glob(filepath.Join(state, "ledger-damaged-*.jsonl"))
			if err != nil || len(aside) != 1 {
				t.Fatalf("kept aside: %q, %v", aside, err)
			}
			if kept, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(kept, c.text) {
				t.Errorf("the file that was kept aside is another one: %v", err)
			}
			w.order("retire", "--unseen", "corp", "fourth")
			if err := w.guard.Kill(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(ledgerText(t, state), `"event":"state_loss_accepted"`) {
				t.Error("the loss is not on record")
			}
			w.startGuard() // all is well again
			for _, name := range append(c.kept, "fourth") {
				if !w.rows()[name].Final {
					t.Errorf("after the next start, %s is trusted again", name)
				}
			}
			if err := w.guard.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A line that a crash cut short never was acknowledged: it is cut off, and told.
func TestATornTailIsRepairedAndTold(t *testing.T) {
	t.Parallel()
	state := newState(t)
	w := newWorld(t, setup{alone: true, state: state})
	w.order("retire", "--unseen", "corp", "gone")
	if err := w.guard.Kill(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(state, "ledger.jsonl")
	text := ledgerText(t, state)
	whole := text[:strings.LastIndexByte(text, '\n')+1]
	if err := os.WriteFile(file, []byte(whole+`{"seq":99,"time":`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.startGuard()
	w.said("ledger_finding")
	if !w.rows()["gone"].Final {
		t.Error("what stood before the torn line is lost")
	}
	if err := w.guard.Stop(); err != nil {
		t.Fatal(err)
	}
	if text := ledgerText(t, state); !strings.HasPrefix(text, whole) || !strings.Contains(text[len(whole):], `"cut_bytes":17`) {
		t.Errorf("the ledger does not tell of the repair: %s", text[len(whole):])
	}
}

// newer is the ledger as a version might write it whose lines mean something else.
func newer(text []byte) []byte {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.Replace(line, []byte(`"format":1`), []byte(`"format":2`), 1)
	content, _, _ := bytes.Cut(line, []byte(`,"hash"`))
	sum := sha256.Sum256(content)
	return fmt.Appendf(nil, "%s,\"hash\":\"%s\"}\n%s", content, hex.EncodeToString(sum[:]), rest)
}

// startsNot wants the guard not to start, with exit code 1 and these words.
func (w *world) startsNot(words ...string) {
	w.t.Helper()
	g, err := harness.LaunchGuard(w.binary, w.guardDir, w.config, w.metrics)
	if err != nil {
		w.t.Fatal(err)
	}
	select {
	case <-g.Done():
	case <-harnesstest.Step(w.t).Done():
		g.Kill()
	}
	if code := g.ExitCode(); code != 1 {
		w.t.Errorf("exit code %d, want 1", code)
	}
	for _, word := range words {
		if !strings.Contains(g.Stderr.String(), word) {
			w.t.Errorf("it does not say %q: %s", word, g.Stderr)
		}
	}
}
