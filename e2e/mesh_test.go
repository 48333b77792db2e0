package e2e

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// A mesh is one Envoy with the shipped configuration, in front of one echoing
// upstream. Tests ask it one request at a time.
type mesh struct {
	t        testing.TB
	dir      string
	socket   string // where Envoy looks for the guard
	envoy    *harness.Envoy
	upstream *harness.Upstream
}

// newMesh starts a mesh until the test ends; places may set GuardTCP, and edit
// may change the configuration (nil: it is what is shipped).
func newMesh(t testing.TB, places harness.Places, edit func(string) string) *mesh {
	t.Helper()
	binary := harnesstest.EnvoyBinary(t)
	m := &mesh{t: t, dir: harnesstest.TempDir(t)}
	m.socket = filepath.Join(m.dir, "authz.sock")

	var err error
	if m.upstream, err = harness.StartUpstream(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.upstream.Stop() })

	places.Ingress, places.Admin = "127.0.0.1:0", "127.0.0.1:0"
	places.Upstream, places.GuardSocket = m.upstream.Address, m.socket
	config, err := places.Fill(shippedConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		config = edit(config)
	}
	if m.envoy, err = harness.StartEnvoy(harnesstest.Step(t), binary, m.dir, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.envoy.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("envoy said:\n%s", m.envoy.Stderr)
		}
	})
	return m
}

// send sends a request in HTTP/1.1, as it stands, and gives the answer and
// Envoy's access log line about it.
func (m *mesh) send(r harness.Request) (harness.Response, harness.Access) {
	m.t.Helper()
	ctx := harnesstest.Step(m.t)
	from := m.envoy.Stdout.Len()
	resp, err := r.HTTP1(ctx, m.envoy.Address)
	if err != nil {
		m.t.Fatal(err)
	}
	a, _, err := m.envoy.NextAccess(ctx, from)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp, a
}

// sendH2 is send over HTTP/2.
func (m *mesh) sendH2(r harness.Request) (harness.Response, harness.Access) {
	m.t.Helper()
	ctx := harnesstest.Step(m.t)
	h2c := harness.NewH2C()
	defer h2c.CloseIdleConnections()
	from := m.envoy.Stdout.Len()
	resp, err := r.Over(ctx, h2c, m.envoy.Address)
	if err != nil {
		m.t.Fatal(err)
	}
	a, _, err := m.envoy.NextAccess(ctx, from)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp, a
}

// value is a field of the access log, "<null>" where it is null: never what a
// guard says.
func value(s *string) string {
	if s == nil {
		return "<null>"
	}
	return *s
}

// names are the header names that reached the upstream and that begin with the
// prefix, in canonical form.
func names(h http.Header, prefix string) []string {
	var out []string
	for name := range h {
		if len(name) >= len(prefix) && name[:len(prefix)] == prefix {
			out = append(out, name)
		}
	}
	return out
}
