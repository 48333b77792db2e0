package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// anyDisk is a file system of its own, or else a limit to the guard's files.
func anyDisk(t *testing.T) disk {
	t.Helper()
	probe := harnesstest.TempDir(t)
	if err := mountSmall(probe); err != nil {
		t.Logf("WITHOUT a small file system: %v; the disk is full by a limit to the guard's files", err)
		return limitedDisk(t)
	}
	if err := unmount(probe); err != nil {
		t.Fatal(err)
	}
	return smallDisk(t)
}

// brokenProcesses are what happens to the guard's own process, and to its disk.
var brokenProcesses = []fault{
	fullDisk,
	readOnlyDisk,
	{
		name:  "guard killed",
		begin: func(p *patient) { p.must(p.guard.Kill()) },
		end:   func(p *patient) { p.startGuard() },
		users: []int{200, 503}, settled: 503, ready: "no answer",
		told: []sign{absent}, well: []sign{present},
		lasts: 3 * time.Second,
	},
	noDescriptors,
	littleMemory,
}

// fullDisk: a revocation that is ordered meanwhile is in force all the same.
var fullDisk = fault{
	name: "disk full",
	begin: func(p *patient) {
		p.burned = devissuer.SharedKey("burned", "ES256")
		p.listed = append(p.listed, p.burned)
		p.issuer.Replace(p.listed...)
		p.refresh()
		p.expect("the key that is going to be revoked", p.of(p.burned), http.StatusOK, "ok", "active")
		p.disk.fill(p.world)
		// What still fits in the last page of a file is written.
		for i := 0; ; i++ {
			said := p.keys("retire", "--unseen", "--reason", "e2e", "corp", fmt.Sprintf("full-%d", i))
			if strings.Contains(said.Stdout, "in force, not yet on disk") {
				break
			}
			if !durable(said) || i == 20 {
				p.t.Fatalf("on a full disk: %+v", said)
			}
		}
	},
	end:   func(p *patient) { p.disk.free(p.world) },
	users: []int{200}, settled: 200, reason: "ok", ready: "200",
	told: []sign{
		logs("ledger_failing"), rises("jwtguard_ledger_errors_total"),
		{"an order is answered 202, in force and not durable", func(p *patient) bool {
			status, _ := p.ask("POST", "/api/v1/keys/corp/"+p.burned.KID+"/revoke", `{"reason": "e2e"}`)
			return status == http.StatusAccepted
		}},
	},
	well: []sign{logs("ledger_recovered")},
	meanwhile: func(p *patient) {
		p.expect("revoked on a full disk", p.of(p.burned), http.StatusUnauthorized, "key_revoked", "revoked")
	},
}

// readOnlyDisk is met by a guard that starts: a kernel refuses to take away what a
// running one has open for writing. That one's errors are those of a full disk.
var readOnlyDisk = fault{
	name: "disk read-only, at a restart",
	begin: func(p *patient) {
		mounted := filepath.Dir(p.disk.state)
		p.must(p.guard.Kill())
		if err := remount(mounted, true); err != nil {
			p.startGuard()
			p.t.Skipf("no file system of its own: %v", err)
		}
		p.startsNot("state_dir", "read-only file system")
	},
	end: func(p *patient) {
		p.must(remount(filepath.Dir(p.disk.state), false))
		p.startGuard()
		p.expect("what was revoked on the full disk", p.of(p.burned), http.StatusUnauthorized, "key_revoked", "revoked")
	},
	users: []int{200, 503}, settled: 503, ready: "no answer",
	told: []sign{absent, {"exit status 1, `state_dir …: read-only file system`", func(*patient) bool { return true }}},
	well: []sign{present},
}

// paused is a guard that does not get on for longer than it may trust its keys, as in
// a virtual machine that is suspended.
var paused = fault{
	name:  "guard paused for longer than `max_stale`",
	begin: func(p *patient) { p.must(p.guard.Signal(syscall.SIGSTOP)) },
	end:   func(p *patient) { p.must(p.guard.Signal(syscall.SIGCONT)) },
	users: []int{200, 503}, settled: 503, ready: "no answer",
	told: []sign{absent}, well: []sign{present, fetches},
	lasts: 6 * time.Second,
}

// noDescriptors: connections that Envoy has go on; whatever needs a new one waits.
var noDescriptors = fault{
	name: "guard out of file descriptors",
	begin: func(p *patient) {
		// The limit is to the numbers that descriptors have: below 3, all are taken.
		before, err := p.guard.LimitDescriptors(3)
		if errors.Is(err, errors.ErrUnsupported) {
			p.t.Skip("only Linux limits a running process")
		}
		p.must(err)
		p.limit = before
	},
	end: func(p *patient) {
		_, err := p.guard.LimitDescriptors(p.limit)
		p.must(err)
	},
	users: []int{200, 503}, settled: 200, ready: "no answer",
	told: []sign{absent, logs("jwks_fetch_failed", "too many open files")},
	well: []sign{present, logs("jwks_fetched")},
}

// littleMemory is a guard whose limit is below what it needs at the least: it
// collects garbage all the time, and answers.
var littleMemory = fault{
	name: "guard at its memory limit",
	begin: func(p *patient) {
		p.plain = p.binary
		script, err := harness.Wrap(p.guardDir, p.binary, "export GOMEMLIMIT=8MiB GODEBUG=gctrace=1")
		p.must(err)
		p.restartAs(script)
	},
	end:   func(p *patient) { p.restartAs(p.plain) },
	users: []int{200, 503}, settled: 200, reason: "ok", ready: "200",
	told: []sign{{"it collects garbage all the time (processor time)", func(p *patient) bool {
		return strings.Count(p.guard.Stderr.String(), "\ngc ") > 100
	}}},
	well: []sign{present},
}
