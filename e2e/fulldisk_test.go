package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// disk is where a state directory lies, and how it becomes full.
type disk struct {
	state string
	fill  func(*world)
	free  func(*world)
}

// limitedDisk is full when the guard may not let its ledger grow.
func limitedDisk(t *testing.T) disk {
	state := newState(t)
	return disk{state, func(w *world) {
		info, err := os.Stat(filepath.Join(state, "ledger.jsonl"))
		if err == nil {
			// In the middle of the next line, which is torn by that.
			err = w.guard.LimitFiles(uint64(info.Size()) + 100)
		}
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("only Linux limits the files of a running process")
		}
		if err != nil {
			t.Fatal(err)
		}
	}, func(w *world) {
		if err := w.guard.Unlimit(); err != nil {
			t.Fatal(err)
		}
	}}
}

// smallDisk is a file system of its own. Not everybody may mount one; the other
// disk asks for no privilege.
func smallDisk(t *testing.T) disk {
	dir := harnesstest.TempDir(t)
	if err := mountSmall(dir); err != nil {
		t.Skipf("no small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(dir); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	filler := filepath.Join(dir, "filler")
	return disk{filepath.Join(dir, "state"), func(*world) {
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for piece := make([]byte, 512); err == nil; _, err = f.Write(piece) {
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}, func(*world) {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}}
}

// A full disk opens nothing: what narrows trust takes effect, what widens it waits
// or is refused, and everything is durable once there is room.
func TestAFullDiskHoldsBackNoRevocation(t *testing.T) {
	for name, c := range map[string]struct {
		disk   func(*testing.T) disk
		strict bool
	}{
		"limit":         {limitedDisk, false},
		"limit, strict": {limitedDisk, true},
		"tmpfs":         {smallDisk, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := c.disk(t)
			top := ""
			if c.strict {
				top = "ledger: { strict: true }"
			}
			fullDiskStory(t, newWorld(t, setup{state: d.state, top: top}), d, c.strict)
		})
	}
}

func fullDiskStory(t *testing.T, w *world, d disk, strict bool) {
	old, live := w.key, devissuer.SharedKey("2026-12", "ES256")
	w.issuer.Publish(live)
	w.refresh()
	w.expect("the key to go", w.of(old), http.StatusOK, "ok", "active")
	w.order("retire", "--unseen", "corp", "before")

	// What still fits in the last page of a file is written.
	d.fill(w)
	for i := 0; ; i++ {
		said := w.keys("retire", "--unseen", "--reason", "e2e", "corp", fmt.Sprintf("full-%d", i))
		if strings.Contains(said.Stdout, "retired: in force, not yet on disk") && said.Status == 0 && strings.Contains(said.Stderr, "warning: ") {
			break
		}
		if !durable(said) || i == 20 {
			t.Fatalf("on a full disk: %+v", said)
		}
	}
	w.said("ledger_failing")
	status, text := w.ask("POST", "/api/v1/keys/corp/"+old.KID+"/revoke", `{"reason": "e2e"}`)
	var outcome struct {
		InForce bool `json:"in_force"`
		Durable bool `json:"durable"`
	}
	if err := json.Unmarshal([]byte(text), &outcome); err != nil || status != http.StatusAccepted || !outcome.InForce || outcome.Durable {
		t.Errorf("revoke: %d, want 202: %s", status, text)
	}
	w.expect("revoked", w.of(old), http.StatusUnauthorized, "key_revoked", "revoked")
	w.expect("checks go on", w.of(live), http.StatusOK, "ok", "active")

	if status, text := w.ask("POST", "/api/v1/keys/corp/before/reinstate", `{"reason": "e2e"}`); status != http.StatusServiceUnavailable || !strings.Contains(text, "not in force") {
		t.Errorf("reinstate: %d, want 503: %s", status, text)
	}
	w.refused(1, []string{"not in force"}, "reinstate", "corp", "before", "--reason", "e2e")
	if k := w.rows()["before"]; !k.Final {
		t.Errorf("reinstated all the same: %+v", k)
	}

	fresh := devissuer.SharedKey("2027-01", "ES256")
	w.issuer.Publish(fresh)
	w.refresh()
	if strict {
		w.expect("a new key", w.of(fresh), http.StatusServiceUnavailable, "keys_unavailable", "")
	} else {
		w.expect("a new key", w.of(fresh), http.StatusOK, "ok", "active")
	}
	if v := w.metric("jwtguard_ledger_errors_total"); v == "" || v == "0" {
		t.Errorf("jwtguard_ledger_errors_total is %q", v)
	}
	if n := w.said("ledger_failing"); n != 1 {
		t.Errorf("the log says %d times that the ledger fails, want once", n)
	}

	d.free(w)
	w.said("ledger_recovered")
	w.await("a new key, with room", w.of(fresh), http.StatusOK, "ok")
	w.order("reinstate", "corp", "before")
	if err := w.guard.Kill(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(ledgerText(t, d.state), `"event":"gap"`) {
		t.Error("the ledger does not tell of the gap")
	}
	w.startGuard()
	rows := w.rows()
	if k := rows[old.KID]; k.State != "revoked" {
		t.Errorf("after a restart, the revoked key is %+v", k)
	}
	if k := rows["full-0"]; !k.Final {
		t.Errorf("after a restart, the key that was retired on a full disk is %+v", k)
	}
	if k, there := rows["before"]; there && k.Final {
		t.Errorf("after a restart, the reinstated key is %+v", k)
	}
	w.expect("revoked, after a restart", w.of(old), http.StatusUnauthorized, "key_revoked", "revoked")
	w.expect("the new key, after a restart", w.of(fresh), http.StatusOK, "ok", "active")
}
