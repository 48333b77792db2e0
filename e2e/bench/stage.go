package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

const audience = "orders-api"

// stage is what measurements stand on: a directory on a real disk, the binary, and
// issuers over HTTPS.
type stage struct {
	dir       string
	binary    string
	issuers   []*devissuer.Issuer
	published [][]*devissuer.Key // by issuer
	https     *http.Server
}

// newStage serves so many issuers with the keys that keysOf gives each. Without a
// binary it builds one. What it returns is to be struck, also after an error.
func newStage(binary string, many int, keysOf func(issuer int) []*devissuer.Key) (*stage, error) {
	s := &stage{binary: binary}
	var err error
	if s.dir, err = os.MkdirTemp("", "jwtguard-bench-"); err != nil {
		return s, err
	}
	if binary == "" {
		if s.binary, err = harness.BuildGuard(s.dir); err != nil {
			return s, err
		}
	}
	ca := devissuer.NewCA()
	if err := ca.WriteFile(s.file("ca.pem")); err != nil {
		return s, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return s, err
	}
	for i := range many {
		issuer := devissuer.New(fmt.Sprintf("https://%s/%d", l.Addr(), i))
		keys := keysOf(i)
		issuer.Publish(keys...)
		s.issuers, s.published = append(s.issuers, issuer), append(s.published, keys)
	}
	s.https = &http.Server{
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			if i, err := strconv.Atoi(first); err == nil && i >= 0 && i < len(s.issuers) {
				s.issuers[i].ServeHTTP(rw, r)
				return
			}
			http.NotFound(rw, r)
		}),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{ca.Server("127.0.0.1")}},
		ErrorLog:  log.New(discard{}, "", 0),
	}
	go s.https.ServeTLS(l, "", "") // until Close
	return s, nil
}

// discard swallows what the HTTP server says of connections that end.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func (s *stage) file(name string) string { return filepath.Join(s.dir, name) }

// strike ends it all.
func (s *stage) strike() error {
	var err error
	if s.https != nil {
		err = s.https.Close()
	}
	if s.dir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// post is where a guard lives: what it is configured with, and its sockets.
type post struct {
	dir, authz, admin, metrics string
	state                      string // the state_dir; empty: none
}

// newPost makes a directory for a guard.
func (s *stage) newPost(name string) (post, error) {
	dir := s.file(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return post{}, err
	}
	metrics, err := harness.FreePort()
	return post{dir: dir, authz: filepath.Join(dir, "authz.sock"), admin: filepath.Join(dir, "admin.sock"), metrics: metrics}, err
}

// withState is the post with a state_dir.
func (p post) withState() post {
	p.state = filepath.Join(p.dir, "state")
	return p
}

// startGuard starts a guard and waits until it is ready.
func (s *stage) startGuard(ctx context.Context, p post, t trust) (*server, error) {
	guard, err := harness.StartGuard(ctx, s.binary, p.dir, p.config(t, s.file("ca.pem")), p.metrics)
	if err != nil {
		return nil, err
	}
	g := &server{process: guard.Process}
	if err := g.dial(p.authz); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
