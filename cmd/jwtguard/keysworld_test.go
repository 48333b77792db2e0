package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// fakeGuard is an admin listener that gives the answers it was told to, and notes
// what it was asked. In the fake time of its tests it is 2000-01-01, midnight.
type fakeGuard struct {
	t       *testing.T
	dir     string
	admin   string // for --admin
	answers map[string]fakeAnswer

	mu    sync.Mutex
	asked []string // each as one line
}

type fakeAnswer struct {
	status int    // 0: it hangs up
	kind   string // empty: application/json, or that of a problem
	body   string
}

// withGuard tells a story with a guard that listens on this network.
func withGuard(t *testing.T, network string, answers map[string]fakeAnswer, story func(*fakeGuard)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "jk") // short: the path of a unix socket has little room
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	synctest.Test(t, func(t *testing.T) {
		g := &fakeGuard{t: t, dir: dir, answers: answers}
		address := "127.0.0.1:0"
		if network == "unix" {
			address = g.path("admin.sock")
		}
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		g.admin = "http://" + l.Addr().String()
		if network == "unix" {
			g.admin = "unix://" + address
		}
		server := &httptest.Server{Listener: l, Config: &http.Server{Handler: g}}
		server.Start()
		defer server.Close()
		story(g)
	})
}

func (g *fakeGuard) path(name string) string { return filepath.Join(g.dir, name) }

// file writes a file with this content and permissions.
func (g *fakeGuard) file(name, content string, mode os.FileMode) string {
	g.t.Helper()
	if err := os.WriteFile(g.path(name), []byte(content), 0o600); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Chmod(g.path(name), mode); err != nil {
		g.t.Fatal(err)
	}
	return g.path(name)
}

func (g *fakeGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	line := r.Method + " " + r.RequestURI
	for _, more := range []string{r.Header.Get("Authorization"), string(body)} {
		if more != "" {
			line += " " + more
		}
	}
	g.mu.Lock()
	g.asked = append(g.asked, line)
	g.mu.Unlock()
	if want := strings.TrimPrefix(g.admin, "http://"); r.Host != want && r.Host != "localhost" {
		g.t.Errorf("Host %q", r.Host)
	}
	a, ok := g.answers[r.Method+" "+r.RequestURI]
	if !ok {
		a = fakeAnswer{status: 404, body: `{"title":"No such issuer","status":404,"detail":"no issuer has that name","issuers":["corp"]}`}
	}
	if a.kind == "" {
		if a.kind = "application/json"; a.status >= 400 {
			a.kind = "application/problem+json"
		}
	}
	if a.status == 0 {
		panic(http.ErrAbortHandler) // hangs up
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Location", "http://192.0.2.1/")
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// said is what a command printed, and its exit status.
type said struct {
	status         int
	stdout, stderr string
}

// keys runs "jwtguard keys" on the guard. What changes from run to run is
// replaced.
func (g *fakeGuard) keys(args ...string) said {
	g.t.Helper()
	return g.bare(append(args, "--admin", g.admin)...)
}

// bare is the command without the flag that finds the guard.
func (g *fakeGuard) bare(args ...string) said {
	g.t.Helper()
	var out, errs bytes.Buffer
	status := run(append([]string{"keys"}, args...), strings.NewReader(""), &out, &errs)
	if text := out.String() + errs.String(); escape(text) != text {
		g.t.Errorf("a terminal could obey it: %q", text)
	}
	same := strings.NewReplacer(g.admin, "ADMIN", strings.TrimPrefix(g.admin, "http://"), "ADMIN", g.dir, "DIR")
	return said{status, same.Replace(out.String()), same.Replace(errs.String())}
}

// is wants exactly this.
func (s said) is(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	if s.status != status {
		t.Errorf("exit status %d, want %d", s.status, status)
	}
	if diff := cmp.Diff(stdout, s.stdout); diff != "" {
		t.Errorf("stdout (- wanted, + got):\n%s\n%s", diff, s.stdout)
	}
	if diff := cmp.Diff(stderr, s.stderr); diff != "" {
		t.Errorf("stderr (- wanted, + got):\n%s", diff)
	}
}

// says wants an exit status and all of these in what was printed.
func (s said) says(t *testing.T, status int, parts ...string) {
	t.Helper()
	explained(s).says(t, status, parts...)
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wasAsked wants these questions since the last time, and no others.
func (g *fakeGuard) wasAsked(want ...string) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if diff := cmp.Diff(want, g.asked); diff != "" {
		g.t.Errorf("asked (- wanted, + got):\n%s", diff)
	}
	g.asked = nil
}
