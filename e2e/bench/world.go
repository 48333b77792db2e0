package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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
)

// candidate is one thing that is measured, once a round.
type candidate struct {
	name    string
	measure func(context.Context, time.Duration) (measurement, error)
	results []measurement // by round
}

// world is everything that is measured, and what it needs.
type world struct {
	*stage
	servers    []*server
	candidates []*candidate
	guards     []guard
	request    int // bytes of one
	keys       map[string]*devissuer.Key
}

// guard is a kind of guard that is measured.
type guard struct {
	issuers int
	state   bool // with a state_dir
	server  *server
	idle    int64 // bytes of resident memory
}

// algorithms that tokens are measured with.
var algorithms = []string{"RS256", "ES256"}

func newWorld(ctx context.Context, many int, settle time.Duration) (*world, error) {
	say("building jwtguard, making keys and %d tokens", len(algorithms)*distinct*3)
	w := &world{keys: map[string]*devissuer.Key{}}
	// Making RSA keys takes long, so all issuers share the material; to the guard
	// they are keys of different issuers all the same.
	var keys []*devissuer.Key
	for i := range keysPerIssuer {
		alg := algorithms[i%len(algorithms)]
		key := devissuer.NewKey(fmt.Sprintf("key-%d", i), alg)
		keys = append(keys, key)
		w.keys[alg] = key
	}
	var err error
	if w.stage, err = newStage(many, func(int) []*devissuer.Key { return keys }); err != nil {
		return w, err
	}
	if err := w.addEmpty(); err != nil {
		return w, err
	}
	for _, g := range []guard{{issuers: 1}, {issuers: 1, state: true}, {issuers: many}} {
		if err := w.startIdle(ctx, g, settle); err != nil {
			return w, err
		}
	}
	for _, alg := range algorithms {
		key := w.keys[alg]
		tokens := mint(key, w.issuers[:1])
		w.add("bare "+alg+" check", func(_ context.Context, length time.Duration) (measurement, error) {
			return bare(key, tokens, length)
		})
		for _, g := range w.guards {
			requests := requestsOf(mint(key, w.issuers[:g.issuers]))
			w.add(g.name(alg), func(ctx context.Context, length time.Duration) (measurement, error) {
				return g.server.load(ctx, length, requests)
			})
		}
	}
	return w, nil
}

func (w *world) add(name string, measure func(context.Context, time.Duration) (measurement, error)) {
	w.candidates = append(w.candidates, &candidate{name: name, measure: measure})
}

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

// startIdle starts a guard and reads its idle memory.
func (w *world) startIdle(ctx context.Context, g guard, settle time.Duration) error {
	say("starting a guard with %s", g)
	at, err := w.newPost(fmt.Sprintf("guard-%d", len(w.guards)))
	if err != nil {
		return err
	}
	if g.state {
		at = at.withState()
	}
	if g.server, err = w.startGuard(ctx, at, w.issuers[:g.issuers]); err != nil {
		return err
	}
	w.servers = append(w.servers, g.server)
	if _, err := os.Stat(filepath.Join(at.state, "ledger.jsonl")); g.state && err != nil {
		return fmt.Errorf("a guard with a state_dir has no ledger: %w", err)
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	g.idle, err = memoryOf(g.server.process.PID(), resident)
	w.guards = append(w.guards, g)
	return err
}

func (w *world) stop() error {
	var errs []error
	for _, s := range w.servers {
		errs = append(errs, s.stop())
	}
	if w.stage != nil {
		errs = append(errs, w.strike())
	}
	return errors.Join(errs...)
}

// mint makes tokens of a key, from the issuers in turn. Each is different.
func mint(key *devissuer.Key, issuers []*devissuer.Issuer) []string {
	tokens := make([]string, distinct)
	for i := range tokens {
		tokens[i] = key.Token(claims(issuers[i%len(issuers)]).With(devissuer.Claims{"sub": fmt.Sprintf("user-%d", i), "scope": "orders:read orders:write"}))
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
