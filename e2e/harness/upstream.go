package harness

import (
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// An Upstream is the service behind Envoy. It answers each request with an
// Echo of it.
type Upstream struct {
	Address string // host:port

	server *http.Server
	served atomic.Int64
	wg     sync.WaitGroup
}

// An Echo tells what reached the upstream.
type Echo struct {
	Method string      `json:"method"`
	Host   string      `json:"host"`
	Target string      `json:"target"` // path and query, as in the request line
	Header http.Header `json:"header"` // names in Go's canonical form, all values
}

// StartUpstream serves on a free loopback port. The caller stops it.
func StartUpstream() (*Upstream, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &Upstream{Address: l.Addr().String()}
	u.server = &http.Server{Handler: http.HandlerFunc(u.echo)}
	u.wg.Go(func() { _ = u.server.Serve(l) })
	return u, nil
}

func (u *Upstream) echo(w http.ResponseWriter, r *http.Request) {
	u.served.Add(1)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Echo{Method: r.Method, Host: r.Host, Target: r.RequestURI, Header: r.Header})
}

// Served is how many requests reached the upstream.
func (u *Upstream) Served() int { return int(u.served.Load()) }

// Stop closes the upstream and all its connections.
func (u *Upstream) Stop() error {
	err := u.server.Close()
	u.wg.Wait()
	return err
}
