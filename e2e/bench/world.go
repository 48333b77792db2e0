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

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

const (
	keysPerIssuer = 5
	// distinct is how many different tokens each candidate gets in turn.
	distinct = 2000
	audience = "orders-api"
)

// candidate is one thing that is measured, once a round.
type candidate struct {
	name    string
	measure func(context.Context, time.Duration) (measurement, error)
	results []measurement
}

// world is everything that is measured, and what it needs.
type world struct {
	dir        string
	issuers    []*devissuer.Issuer
	https      *http.Server
	servers    []*server
	candidates []*candidate
	memory     []resident
	request    int // bytes of one
	settle     time.Duration
	keys       map[string]*devissuer.Key
}

// resident is the idle memory of a guard.
type resident struct {
	issuers int
	bytes   int64
}

// algorithms that tokens are measured with.
var algorithms = []string{"RS256", "ES256"}

func newWorld(ctx context.Context, many int, settle time.Duration) (*world, error) {
	dir, err := os.MkdirTemp("", "jwtguard-bench-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, settle: settle, keys: map[string]*devissuer.Key{}}
	say("building jwtguard, making keys and %d tokens", len(algorithms)*distinct*2)
	binary, err := harness.BuildGuard(dir)
	if err != nil {
		return w, err
	}
	if err := w.startIssuers(many); err != nil {
		return w, err
	}
	if err := w.addEmpty(); err != nil {
		return w, err
	}
	for _, alg := range algorithms {
		key := w.keys[alg]
		tokens := mint(key, w.issuers[:1])
		w.add("bare "+alg+" check", func(_ context.Context, length time.Duration) (measurement, error) {
			return bare(key, tokens, length)
		})
	}
	for _, n := range []int{1, many} {
		if err := w.addGuard(ctx, binary, n); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (w *world) add(name string, measure func(context.Context, time.Duration) (measurement, error)) {
	w.candidates = append(w.candidates, &candidate{name: name, measure: measure})
}

// startIssuers serves many issuers over HTTPS, each with keys of its own name.
// Making RSA keys takes long, so all share the material; to the guard they are
// keys of different issuers all the same.
func (w *world) startIssuers(many int) error {
	ca := devissuer.NewCA()
	if err := ca.WriteFile(w.file("ca.pem")); err != nil {
		return err
	}
	var keys []*devissuer.Key
	for i := range keysPerIssuer {
		alg := algorithms[i%len(algorithms)]
		key := devissuer.NewKey(fmt.Sprintf("key-%d", i), alg)
		keys = append(keys, key)
		w.keys[alg] = key
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	for i := range many {
		issuer := devissuer.New(fmt.Sprintf("https://%s/%d", l.Addr(), i))
		issuer.Publish(keys...)
		w.issuers = append(w.issuers, issuer)
	}
	w.https = &http.Server{
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			if i, err := strconv.Atoi(first); err == nil && i >= 0 && i < len(w.issuers) {
				w.issuers[i].ServeHTTP(rw, r)
				return
			}
			http.NotFound(rw, r)
		}),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{ca.Server("127.0.0.1")}},
		ErrorLog:  log.New(discard{}, "", 0),
	}
	go w.https.ServeTLS(l, "", "") // until Close
	return nil
}

// discard swallows what the HTTP server says of connections that end.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// addEmpty starts the reference: this program in its other part.
func (w *world) addEmpty() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	process, err := harness.StartProcess("empty server", self, emptyServer, w.file("empty.sock"))
	if err != nil {
		return err
	}
	s := &server{process: process}
	w.servers = append(w.servers, s)
	if err := s.dial(w.file("empty.sock")); err != nil {
		return err
	}
	requests := requestsOf(mint(w.keys["ES256"], w.issuers[:1]))
	w.request = size(requests[0])
	w.add(emptyName, func(ctx context.Context, length time.Duration) (measurement, error) {
		return s.load(ctx, length, requests)
	})
	return awaitSocket(w.file("empty.sock"))
}

// addGuard starts a guard with so many issuers, reads its idle memory, and adds
// its candidates.
func (w *world) addGuard(ctx context.Context, binary string, issuers int) error {
	say("starting a guard with %s of %d keys", countIssuers(issuers), keysPerIssuer)
	dir := w.file(fmt.Sprintf("guard-%d", issuers))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	metrics, err := harness.FreePort()
	if err != nil {
		return err
	}
	socket := filepath.Join(dir, "authz.sock")
	var config strings.Builder
	fmt.Fprintf(&config, "listen:\n  grpc: unix://%s\n  admin: unix://%s\n  metrics: %s\n  drain: 0s\nissuers:\n", socket, filepath.Join(dir, "admin.sock"), metrics)
	for i, issuer := range w.issuers[:issuers] {
		fmt.Fprintf(&config, "  - name: issuer-%d\n    issuer: %s\n    audiences: [%s]\n    max_lifetime: 2h\n    jwks: { ca_file: %s, uri: %s }\n",
			i, issuer.URL, audience, w.file("ca.pem"), issuer.JWKSURI())
	}
	config.WriteString("policies:\n  default:\n    issuers: [\"*\"]\n    claim_headers: [{ claim: sub, header: x-jwt-sub }]\n")
	guard, err := harness.StartGuard(ctx, binary, dir, config.String(), metrics)
	if err != nil {
		return err
	}
	s := &server{process: guard.Process}
	w.servers = append(w.servers, s)
	if err := s.dial(socket); err != nil {
		return err
	}
	select {
	case <-time.After(w.settle):
	case <-ctx.Done():
		return ctx.Err()
	}
	bytes, err := residentOf(guard.PID())
	if err != nil {
		return err
	}
	w.memory = append(w.memory, resident{issuers, bytes})
	for _, alg := range algorithms {
		requests := requestsOf(mint(w.keys[alg], w.issuers[:issuers]))
		w.add(guardName(alg, issuers), func(ctx context.Context, length time.Duration) (measurement, error) {
			return s.load(ctx, length, requests)
		})
	}
	return nil
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

func (w *world) stop() error {
	var errs []error
	for _, s := range w.servers {
		errs = append(errs, s.stop())
	}
	if w.https != nil {
		errs = append(errs, w.https.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// mint makes tokens of a key, from the issuers in turn. Each is different.
func mint(key *devissuer.Key, issuers []*devissuer.Issuer) []string {
	tokens := make([]string, distinct)
	for i := range tokens {
		claims := devissuer.StandardClaims(issuers[i%len(issuers)].URL, audience, time.Hour)
		tokens[i] = key.Token(claims.With(devissuer.Claims{"sub": fmt.Sprintf("user-%d", i), "scope": "orders:read orders:write"}))
	}
	return tokens
}

func requestsOf(tokens []string) []*authv3.CheckRequest {
	all := make([]*authv3.CheckRequest, len(tokens))
	for i, t := range tokens {
		all[i] = newRequest(t)
	}
	return all
}

func peer(address string, port uint32) *authv3.AttributeContext_Peer {
	return &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}}
}

// awaitSocket waits until somebody listens.
func awaitSocket(path string) error {
	for range 100 {
		if conn, err := net.Dial("unix", path); err == nil {
			return conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s: nobody listens", path)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
