package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serveOn serves on a listener until the test ends, and gives a client that
// connects to it whatever the address says.
func serveOn(t *testing.T, h http.Handler, l net.Listener) *http.Client {
	t.Helper()
	s := &http.Server{Handler: h, ConnContext: ConnContext}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, l.Addr().Network(), l.Addr().String())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// wrapping gives connections in a wrapper.
type wrapping struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l wrapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(c), nil
}

type (
	opaque      struct{ net.Conn }
	transparent struct{ opaque }
)

func (c transparent) NetConn() net.Conn { return c.Conn }

// Who may open the unix socket may give orders, as the user who he is. That is
// not told by anything that he sends.
func TestTheUserOfTheUnixSocketIsTheActor(t *testing.T) {
	for name, tt := range map[string]struct {
		wrap   func(net.Conn) net.Conn
		status int
	}{
		"plain":                        {func(c net.Conn) net.Conn { return c }, 200},
		"wrapped":                      {func(c net.Conn) net.Conn { return transparent{opaque{c}} }, 200},
		"wrapped twice":                {func(c net.Conn) net.Conn { return transparent{opaque{transparent{opaque{c}}}} }, 200},
		"wrapped so that it is hidden": {func(c net.Conn) net.Conn { return opaque{c} }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, corp(t, "old", "new"))
			l, err := net.Listen("unix", filepath.Join(t.TempDir(), "admin.sock"))
			if err != nil {
				t.Fatal(err)
			}
			client := serveOn(t, w.api, wrapping{l, tt.wrap})
			r, err := http.NewRequest("POST", "http://localhost/api/v1/keys/corp/old/retire", strings.NewReader(because))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Forwarded-User", "uid:4711")
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Error(resp.Status)
			}
			if want := fmt.Sprintf("uid:%d", os.Getuid()); tt.status == 200 && (len(w.orders) != 1 || w.orders[0].Actor != want) {
				t.Errorf("%+v, want %s", w.orders, want)
			}
			if tt.status != 200 && len(w.orders) > 0 {
				t.Errorf("%+v", w.orders)
			}
		})
	}
}

// A refusal over the unix socket names the user, who has no address.
func TestRefusalsOverTheUnixSocketNameTheUser(t *testing.T) {
	w := newWorld(t, corp(t, "old", "new"))
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := serveOn(t, w.api, l).Post("http://localhost/api/v1/keys/corp/old/retire", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if seen := w.seen(); resp.StatusCode != 415 || len(seen) != 1 || seen[0].From != fmt.Sprintf("uid:%d", os.Getuid()) {
		t.Errorf("%s: recorded %+v", resp.Status, seen)
	}
}
