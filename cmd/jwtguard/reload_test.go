package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// usual is the configuration that the reload tests begin with.
func (w *world) usual() string { return w.listen() + "issuers:\n" + w.fixed("") }

// A file can change in three ways, and each counts without a signal.
func TestChangedFileIsReadAgain(t *testing.T) {
	t.Parallel()
	changed := func(w *world) string { return w.usual() + "policies: {default: {required_scopes: [pay]}}\n" }
	for name, change := range map[string]func(*world, string){
		"written in place": func(w *world, text string) { w.must(os.WriteFile(w.file, []byte(text), 0o600)) },
		"renamed over":     func(w *world, text string) { w.write(text) },
		"touched by nobody's clock": func(w *world, text string) {
			info, err := os.Stat(w.file)
			w.must(err)
			w.write(text)
			w.must(os.Chtimes(w.file, info.ModTime(), info.ModTime()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := w.startReady(w.usual())
			g.envoy().gets(w.token(), "ok")
			change(w, changed(w))
			g.event(0, `"msg":"config_reloaded"`, `"why":"the file changed"`)
			g.envoy().gets(w.token(), "scope_insufficient")
		})
	}
	t.Run("Kubernetes swaps a symlink", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		text := w.usual()
		volume := func(name, text string) {
			w.must(os.Mkdir(w.path(name), 0o700))
			w.must(os.WriteFile(w.path(name+"/jwtguard.yaml"), []byte(text), 0o600))
			w.must(os.WriteFile(w.path(name+"/jwks.json"), devissuer.Document(w.key.JWK()), 0o600))
			w.must(os.Symlink(name, w.path("..data_tmp")))
			w.must(os.Rename(w.path("..data_tmp"), w.path("..data")))
		}
		volume("..2026_1", text)
		w.must(os.Mkdir(w.path("mount"), 0o700))
		w.file = w.path("mount/jwtguard.yaml")
		w.must(os.Symlink("../..data/jwtguard.yaml", w.file))
		w.must(os.Symlink("../..data/jwks.json", w.path("mount/jwks.json")))
		g := w.startFile()
		g.event(0, `"msg":"ready"`)
		g.envoy().gets(w.token(), "ok")
		volume("..2026_2", changed(w))
		g.event(0, `"msg":"config_reloaded"`, `"why":"the file changed"`)
		g.envoy().gets(w.token(), "scope_insufficient")
	})
}

func TestReloadPutsIntoForce(t *testing.T) {
	w := newWorld(t)
	other := w.newIssuer()
	other.Publish(w.key.Renamed("other"))
	theirs := w.key.Renamed("other").Token(devissuer.StandardClaims(other.URL, "api", 30*time.Minute))
	both := "policies: {default: {issuers: [\"*\"]}}\n"
	g := w.startReady(w.usual())
	e := g.envoy()
	e.gets(theirs, "issuer_unknown")
	reload := func(text string) {
		t.Helper()
		w.write(text)
		if line := g.reload(); !strings.Contains(line, `"msg":"config_reloaded"`) {
			t.Fatal(line)
		}
	}

	reload(w.usual() + w.entry("other", other, "") + both)
	g.event(0, `"msg":"jwks_fetched"`, `"issuer":"other"`)
	e.gets(theirs, "ok")
	e.gets(w.token(), "ok")

	reload(w.usual())
	e.gets(theirs, "issuer_unknown")

	// Back again: what was known of its keys still is, without another fetch.
	other.Fail(devissuer.JWKSPath, devissuer.StatusFault(500))
	reload(w.usual() + w.entry("other", other, "") + both)
	e.gets(theirs, "ok")

	reload(strings.Replace(w.usual(), "audiences: [api]", "audiences: [api2]", 1))
	e.gets(w.token(), "audience_mismatch")
	e.gets(w.tokenOf(w.key, devissuer.Claims{"aud": "api2"}), "ok")

	reload(w.usual() + "policies: {default: {}, strict: {required_scopes: [pay]}}\n")
	e.gets(w.token(), "scope_insufficient", "jwtguard.policy", "strict")
	reload(w.usual())
	e.gets(w.token(), "policy_unknown", "jwtguard.policy", "strict")
}

// A revocation that was written down holds from the next request on.
func TestReloadRevokesAtOnce(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	e := g.envoy()
	e.gets(w.token(), "ok")
	w.write(strings.Replace(w.usual(), "max_lifetime: 1h", "max_lifetime: 1h, keys: {revoked: [{kid: 2026-11, reason: stolen}]}", 1))
	g.reload()
	e.gets(w.token(), "key_revoked")
	// Taking the line away brings nothing back.
	w.write(w.usual())
	g.reload()
	e.gets(w.token(), "key_revoked")
}

func TestFileThatIsNotValidChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.startReady(w.usual())
	e := g.envoy()
	for name, c := range map[string]struct{ text, want string }{
		"syntax":         {"issuers: [\n", "jwtguard.yaml:2:1: "},
		"unknown key":    {w.usual() + "polices: {}\n", `jwtguard.yaml:4:1: unknown key \"polices\": did you mean policies?`},
		"issuer twice":   {w.usual() + w.entry("twice", w.issuer, ""), "jwtguard.yaml:4:"},
		"empty":          {"", "jwtguard.yaml:1:1: the file is empty"},
		"half a file":    {w.usual()[:len(w.listen())+20], ": not valid YAML: "},
		"binary":         {"\x00\x01", "jwtguard.yaml:1:1: control character 0x00"},
		"a huge file":    {strings.Repeat("#", 3<<20), "it is too big, at most 1048576 bytes are read"},
		"no usable keys": {w.listen() + "issuers:\n" + w.corp(", jwks: {inline: {keys: []}}"), "issuers: corp: jwks.inline: holds no key"},
	} {
		t.Run(name, func(t *testing.T) {
			w.write(c.text)
			line := g.reload()
			for _, part := range []string{`"msg":"config_reload_failed"`, `"level":"ERROR"`, c.want, `"in_force":"the configuration as it was"`} {
				if !strings.Contains(line, part) {
					t.Errorf("%q is not said: %s", part, line)
				}
			}
			e.gets(w.token(), "ok")
			w.write(w.usual())
			g.reload()
		})
	}
	for name, gone := range map[string]func() error{
		"deleted":  func() error { return os.Remove(w.file) },
		"a folder": func() error { return errors.Join(os.Remove(w.file), os.Mkdir(w.file, 0o700)) },
		"a pipe":   func() error { return errors.Join(os.Remove(w.file), syscall.Mkfifo(w.file, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			from := g.log.Len()
			w.must(gone())
			g.event(from, `"msg":"config_reload_failed"`, "the file changed", w.file+": cannot be read: ")
			e.gets(w.token(), "ok")
			w.must(os.RemoveAll(w.file))
			w.write(w.usual())
			g.event(from, `"msg":"config_reloaded"`)
			e.gets(w.token(), "ok")
		})
	}
}

// A change that a signal made known is not read once more because the file is
// watched, whether it was valid or not.
func TestReloadIsToldOnce(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	for _, text := range []string{"nonsense: 1\n", w.usual() + "policies: {default: {realm: a}}\n"} {
		w.write(text)
		if !g.service.guard.differs(look(w.file)) {
			t.Error("a change is not seen")
		}
		g.reload()
		if g.service.guard.differs(look(w.file)) {
			t.Error("the file would be read once more")
		}
	}
}

func TestReloadNamesWhatNeedsARestart(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.usual())
	w.write("guard: other\nstate_dir: /var/lib/jwtguard\nlisten: {grpc: \"unix://" + w.path("other.sock") + "\", admin: \"\", socket_mode: \"0600\", drain: 1s}\nissuers:\n" + w.fixed(""))
	g.reload()
	for _, setting := range []string{"guard", "listen.grpc", "listen.socket_mode", "listen.admin", "listen.metrics", "listen.drain", "state_dir"} {
		g.event(0, `"msg":"config_needs_restart"`, `"setting":"`+setting+`"`)
	}
	for _, setting := range []string{"listen.tls", "ledger", "admin"} {
		if strings.Contains(g.log.String(), `"setting":"`+setting+`"`) {
			t.Errorf("%s did not change", setting)
		}
	}
	g.envoy().gets(w.token(), "ok")
}

// A policy that a listener was started with must not go while the listener
// stays: all its requests would be refused.
func TestReloadKeepsThePoliciesOfItsListeners(t *testing.T) {
	w := newWorld(t)
	listen := "listen: {grpc: [{address: \"unix://" + w.path("authz.sock") + "\", policy: strict}], admin: \"\", metrics: \"\", drain: 0s}\n"
	issuers := "issuers:\n" + w.fixed("")
	g := w.startReady(listen + issuers + "policies: {strict: {}}\n")
	w.write(strings.Replace(listen, "policy: strict", "policy: lax", 1) + issuers + "policies: {lax: {}}\n")
	if line := g.reload(); !strings.Contains(line, "policies: strict is missing, and the listener unix://"+w.path("authz.sock")+" has it until the guard starts again: keep it until then") {
		t.Error(line)
	}
	g.envoy().gets(w.token(), "ok")
}

func TestQuickReloadsUnderLoadLoseNothing(t *testing.T) {
	w := newWorld(t)
	other := w.newIssuer()
	g := w.startReady(w.usual())
	token := w.token()
	var stop atomic.Bool
	var asked atomic.Int64
	var load sync.WaitGroup
	for range 4 {
		e := g.envoy()
		load.Go(func() {
			for !stop.Load() {
				v, err := e.check(token)
				asked.Add(1)
				if err != nil || v.Reason != "ok" {
					t.Errorf("%+v, %v", v, err)
					return
				}
			}
		})
	}
	more := []string{
		"",
		w.entry("other", other, "") + "policies: {default: {issuers: [\"*\"]}}\n",
		"policies: {default: {}, strict: {required_scopes: [pay]}}\n",
		"nonsense: true\n",
	}
	// On a busy machine, until there were requests beside the reloads.
	for i := 0; i < 50 || asked.Load() < 50 && !t.Failed(); i++ {
		w.write(w.usual() + more[i%len(more)])
		g.reload()
	}
	stop.Store(true)
	load.Wait()
	g.must(g.stop())
	if left, _ := filepath.Glob(w.path("*~")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
