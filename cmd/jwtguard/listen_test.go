package main

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// refused starts a guard that must not start, and gives what it said.
func (w *world) refused(text string) string {
	w.t.Helper()
	w.write(text)
	before := w.files()
	var out, errs bytes.Buffer
	status := make(chan int, 1)
	go func() { status <- run([]string{"serve", "-c", w.file}, strings.NewReader(""), &out, &errs) }()
	select {
	case got := <-status:
		if got != exitUsage {
			w.t.Errorf("exit status %d, want %d", got, exitUsage)
		}
	case <-time.After(patienceOfTests):
		w.t.Fatal("it serves")
	}
	if out.Len() > 0 {
		w.t.Errorf("on stdout: %s", &out)
	}
	if after := w.files(); after != before {
		w.t.Errorf("files %s, were %s", after, before)
	}
	return strings.ReplaceAll(errs.String(), w.dir, "DIR")
}

// files are the names in the world's folder.
func (w *world) files() string {
	w.t.Helper()
	entries, err := os.ReadDir(w.dir)
	w.must(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestStartThatFailsSaysWhatToDoAndLeavesNothing(t *testing.T) {
	w := newWorld(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	defer taken.Close()
	port := taken.Addr().String()
	w.must(os.WriteFile(w.path("file"), nil, 0o600))
	w.must(os.Mkdir(w.path("folder"), 0o700))
	w.must(os.Symlink("nowhere", w.path("link")))
	issuers := "issuers:\n" + w.fixed("")
	for name, c := range map[string]struct{ listen, want string }{
		"port of gRPC in use": {`grpc: "` + port + `"`,
			"DIR/jwtguard.yaml: listen.grpc: " + port + ": address already in use; is another guard running, or the port taken by something else? (see: ss -ltnp)\n"},
		"port of metrics in use": {`grpc: "unix://` + w.path("a.sock") + `", admin: "", metrics: "` + port + `"`,
			"DIR/jwtguard.yaml: listen.metrics: " + port + ": address already in use; is another guard running, or the port taken by something else? (see: ss -ltnp)\n"},
		"port of admin in use": {`grpc: "unix://` + w.path("a.sock") + `", admin: "` + port + `"`,
			"DIR/jwtguard.yaml: listen.admin: " + port + ": address already in use; is another guard running, or the port taken by something else? (see: ss -ltnp)\n"},
		"another machine's address": {`grpc: "192.0.2.1:9191"`,
			"DIR/jwtguard.yaml: listen.grpc: 192.0.2.1:9191: cannot assign requested address; write an address of this machine, such as 127.0.0.1\n"},
		"a file in the way": {`grpc: "unix://` + w.path("file") + `"`,
			"DIR/jwtguard.yaml: listen.grpc: unix://DIR/file: something that is no socket has this name; remove it, or choose another one\n"},
		"a folder in the way": {`grpc: "unix://` + w.path("folder") + `"`,
			"DIR/jwtguard.yaml: listen.grpc: unix://DIR/folder: something that is no socket has this name; remove it, or choose another one\n"},
		"a symlink in the way": {`grpc: "unix://` + w.path("link") + `"`,
			"DIR/jwtguard.yaml: listen.grpc: unix://DIR/link: something that is no socket has this name; remove it, or choose another one\n"},
		"no such folder": {`grpc: "unix://` + w.path("none/a.sock") + `"`,
			"DIR/jwtguard.yaml: listen.grpc: unix://DIR/none/a.sock: no such file or directory; does the folder exist, and may this user write to it?\n"},
		"a file for a folder": {`grpc: "unix://` + w.path("file/a.sock") + `"`,
			"DIR/jwtguard.yaml: listen.grpc: unix://DIR/file/a.sock: not a directory\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(c.listen, "metrics") {
				c.listen += `, metrics: ""`
			}
			if !strings.Contains(c.listen, "admin") {
				c.listen += `, admin: ""`
			}
			if got := w.refused("listen: {" + c.listen + "}\n" + issuers); got != c.want {
				t.Errorf("%swant %s", got, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ text, want string }{
		"keys that cannot be used": {w.listen() + "issuers:\n" + w.corp(`, jwks: {inline: {keys: [{kty: oct, kid: a, k: AAAA}]}}`),
			"DIR/jwtguard.yaml: issuers: corp: jwks.inline: the key with kid \"a\" cannot be used: symmetric\n"},
		"several mistakes": {"listen: {grpc: nowhere}\nissuer: []\n",
			"DIR/jwtguard.yaml:1:1: issuers is missing: name at least one, with issuer and audiences\n" +
				"DIR/jwtguard.yaml:1:16: listen.grpc: \"nowhere\" is no address: write host:port (such as 127.0.0.1:9191) or unix:///path\n" +
				"DIR/jwtguard.yaml:2:1: unknown key \"issuer\": did you mean issuers?\n"},
		"an empty file": {"", "DIR/jwtguard.yaml:1:1: the file is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := w.refused(c.text); !strings.HasPrefix(got, c.want) {
				t.Errorf("%swant %s", got, c.want)
			}
		})
	}
}

// The mistake of starting a second guard must not cost the first one its place.
func TestStartThatFailsTakesNothingFromTheGuardThatServes(t *testing.T) {
	w := newWorld(t)
	issuers := "issuers:\n" + w.fixed("")
	g := w.startReady(w.listen() + issuers)
	said := w.refused(strings.Replace(w.listen(), "127.0.0.1:0", g.metrics(), 1) + issuers)
	if !strings.Contains(said, "listen.metrics: "+g.metrics()+": address already in use") {
		t.Error(said)
	}
	g.envoy().gets(w.token(), "ok") // a new connection
	if code, _ := g.http("unix", "/healthz"); code != 200 {
		t.Errorf("admin: %d", code)
	}
}

func TestSuccessorTakesTheSocketOver(t *testing.T) {
	w := newWorld(t)
	text := w.listen() + "issuers:\n" + w.fixed("")
	old := w.startReady(text)
	connected := old.envoy()
	connected.gets(w.token(), "ok")

	next := w.startReady(text)
	connected.gets(w.token(), "ok") // the old one still serves whom it has
	w.must(old.stop())
	e := next.envoy()
	e.gets(w.token(), "ok")
	if got := next.service.guard.current.Load().caches[w.issuer.URL].Set().Keys()[0].Allowed(); got != 1 {
		t.Errorf("the successor allowed %d, want the last one alone", got)
	}
	connected.gets(w.token(), "ok") // connects again
	if w.files() != "admin.sock authz.sock ca.pem jwks.json jwtguard.yaml" {
		t.Errorf("files: %s", w.files())
	}
}

func TestGuardsThatStartAtOnceDoNotMixUpTheirSockets(t *testing.T) {
	w := newWorld(t)
	w.write(w.listen() + "issuers:\n" + w.fixed(""))
	services := make([]*service, 8)
	var all sync.WaitGroup
	for i := range services {
		all.Go(func() {
			var err error
			if services[i], err = newService(t.Context(), w.file, serveOptions{}, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, name := range []string{"authz.sock", "admin.sock"} {
		if conn, err := net.Dial("unix", w.path(name)); err != nil {
			t.Error(err)
		} else {
			conn.Close()
		}
	}
	for _, s := range services {
		if s != nil {
			s.close()
		}
	}
	if left, _ := filepath.Glob(w.path("*~")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestSocketOfAKilledProcessIsReplaced(t *testing.T) {
	w := newWorld(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.path("authz.sock"), Net: "unix"})
	w.must(err)
	dead.SetUnlinkOnClose(false)
	w.must(dead.Close())
	if _, err := net.Dial("unix", w.path("authz.sock")); err == nil {
		t.Fatal("somebody answers")
	}
	g := w.startReady(w.listen() + "issuers:\n" + w.fixed(""))
	g.envoy().gets(w.token(), "ok")
	w.must(g.stop())
	if _, err := os.Lstat(w.path("authz.sock")); err != nil {
		t.Errorf("a guard that ends must leave the name alone, it may be a successor's: %v", err)
	}
}

// A pipe in place of the file must not keep a start, or a reload, waiting.
func TestConfigurationFileIsARegularFile(t *testing.T) {
	w := newWorld(t)
	w.must(syscall.Mkfifo(w.path("pipe"), 0o600))
	w.file = w.path("pipe")
	errs := make(chan error, 1)
	go func() {
		_, err := newService(t.Context(), w.file, serveOptions{}, slog.New(slog.DiscardHandler))
		errs <- err
	}()
	select {
	case err := <-errs:
		if err == nil || err.Error() != w.file+": cannot be read: it is not a regular file" {
			t.Errorf("%v", err)
		}
	case <-time.After(patienceOfTests):
		t.Error("it waits for the pipe")
	}
}
