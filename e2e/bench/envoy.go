package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jwtguard/jwtguard/e2e/bench/load"
	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

const (
	// clientConnections to Envoy, which deals them out among its two workers, are as
	// many clients, each of which waits for its answer.
	clientConnections = 64
	clientStreams     = 1
	// askedAgain is the part of requests that Envoy may ask the guard about twice.
	askedAgain = 0.05
	// warmUpOfEnvoy is how often each token is sent before, so that each of the workers
	// has seen it.
	warmUpOfEnvoy = 40
)

// route is one way through Envoy with what is asked on it.
type route struct {
	front
	title   string
	tokens  []string
	server  *server // asked by Envoy; nil: none
	metrics string  // of a guard
	want    cached
	cache   cached // of jwt_authn
}

// throughEnvoy measures requests through a real Envoy.
func throughEnvoy(ctx context.Context, page *page, p plan, binary string) (err error) {
	envoyBinary, err := harness.EnvoyBinary()
	if err != nil {
		return err
	}
	rsa, ec, ed := devissuer.NewKey("key-RS256", "RS256"), devissuer.NewKey("key-ES256", "ES256"), devissuer.NewKey("key-EdDSA", "EdDSA")
	s, err := newStage(binary, 1, func(int) []*devissuer.Key { return []*devissuer.Key{rsa, ec, ed} })
	defer func() { err = errors.Join(err, s.strike()) }()
	if err != nil {
		return err
	}
	f := &field{}
	defer func() { err = errors.Join(err, f.clear()) }()
	routes, clusters, err := s.routes(ctx, f, p, rsa, ec, ed)
	if err != nil {
		return err
	}
	fronts := make([]front, len(routes))
	for i, r := range routes {
		fronts[i] = r.front
	}
	config, err := envoyConfig(fronts, clusters)
	if err != nil {
		return err
	}
	envoy, err := harness.StartEnvoy(ctx, envoyBinary, s.dir, config)
	if err != nil {
		return err
	}
	f.servers = append(f.servers, &server{process: envoy.Process})
	text, err := envoy.AdminGet(ctx, "/listeners?format=json")
	if err != nil {
		return err
	}
	addresses, err := listenersOf(text)
	if err != nil {
		return err
	}
	by := map[string]*candidate{}
	for _, r := range routes {
		requests, err := load.GET("/api/v1/orders/4711?expand=items", bearers(r.tokens))
		if err != nil {
			return err
		}
		t := &target{
			network: "tcp", address: addresses[r.name], connections: clientConnections, streams: clientStreams,
			requests: requests, processes: []*harness.Process{envoy.Process}, steady: true, warmUp: warmUpOfEnvoy * p.tokens,
		}
		if r.server != nil {
			t.processes = append(t.processes, r.server.process)
		}
		if r.metrics != "" {
			t.watch = watchCache(ctx, r.metrics, r.want)
			if r.want == hit {
				t.watch = watchAlmost(ctx, r.metrics, 0, askedAgain)
			}
		}
		if r.cache != "" {
			t.watch = watchEnvoyCache(ctx, envoy, r.name, r.cache)
		}
		by[r.name] = f.add(r.title, t)
	}
	if err := compete(ctx, p, "through Envoy", f.candidates); err != nil {
		return err
	}
	version, err := envoyVersion(ctx, envoyBinary)
	if err != nil {
		return err
	}
	page.write("\n## Through Envoy\n\n")
	page.write("Envoy %s with two workers and the shipped configuration, but for the access log and the upstream: Envoy answers by itself. HTTP/2; %d clients, each with a connection, at full load wait for one answer at a time. CPU is that of Envoy and of the server that it asks.\n", version, clientConnections)
	page.write("%d tokens in turn. Cold: the guard's token cache is off.\n", p.tokens)
	page.throughputs("requests", f.candidates)
	row := func(what, one, other, yardstick string) []string {
		return []string{what, ratio(by[one].against(by[other], perSecond)), ratio(by[other].against(by[one], cpuEach)), yardstick}
	}
	page.table([]string{"ratio, round by round", "throughput", "requests a second and CPU", "yardstick of throughput"}, [][]string{
		row("jwtguard warm / empty server", "warm", "empty", "≥ 0.98"),
		row("the guard's answer, nothing read / empty server", "parrot", "empty", ""),
		row("jwtguard warm / the guard's answer, nothing read", "warm", "parrot", ""),
		row("jwtguard warm / jwt_authn ES256", "warm", "jwt-es", "≥ 1.00"),
		row("jwtguard warm / jwt_authn RS256", "warm", "jwt-rs", ""),
		row("jwtguard warm / jwt_authn ES256, cached", "warm", "jwt-es-cached", ""),
		row("jwtguard cold ES256 / jwt_authn ES256", "cold-es", "jwt-es", ""),
		row("jwtguard cold RS256 / jwt_authn RS256", "cold-rs", "jwt-rs", ""),
		row("jwtguard cold EdDSA / jwt_authn EdDSA", "cold-ed", "jwt-ed", ""),
		row("unix socket / TCP, warm", "warm", "warm-tcp", ""),
	})
	memory, err := memoryOf(envoy.PID(), resident)
	if err != nil {
		return err
	}
	page.write("\nResident memory of Envoy with all these listeners: %s.\n", mebibytes(memory))
	return nil
}

// routes starts the servers that Envoy asks, and says what is measured.
func (s *stage) routes(ctx context.Context, f *field, p plan, rsa, ec, ed *devissuer.Key) (all []route, clusters []any, err error) {
	shipped, err := shippedConfig()
	if err != nil {
		return nil, nil, err
	}
	warm, cold, socket, parroted := post{}, post{}, s.file("empty.sock"), s.file("parrot.sock")
	if warm, err = s.newPost("warm"); err != nil {
		return nil, nil, err
	}
	if cold, err = s.newPost("cold"); err != nil {
		return nil, nil, err
	}
	tcp, err := harness.FreePort()
	if err != nil {
		return nil, nil, err
	}
	empty, err := f.keep(castAndAwait("empty", socket, nil))
	if err != nil {
		return nil, nil, err
	}
	guard, err := f.keep(s.startGuard(ctx, warm, trust{issuers: s.issuers, tcp: tcp}))
	if err != nil {
		return nil, nil, err
	}
	uncached, err := f.keep(s.startGuard(ctx, cold, trust{issuers: s.issuers, uncached: true}))
	if err != nil {
		return nil, nil, err
	}
	rs, es, eds := mint(p.tokens, signer{s.issuers[0], rsa}), mint(p.tokens, signer{s.issuers[0], ec}), mint(p.tokens, signer{s.issuers[0], ed})
	said, err := guard.answer(ctx, es[0])
	if err != nil {
		return nil, nil, err
	}
	parrot, err := f.keep(castAndAwait("parrot", parroted, said))
	if err != nil {
		return nil, nil, err
	}
	all = []route{{front: front{name: "none"}, title: "no filter", tokens: es}}
	for _, j := range []struct {
		name, title string
		tokens      []string
		cached      int
		cache       cached
	}{
		{"jwt-rs", "jwt_authn RS256", rs, 0, noCache}, {"jwt-es", "jwt_authn ES256", es, 0, noCache}, {"jwt-ed", "jwt_authn EdDSA", eds, 0, noCache},
		{"jwt-rs-cached", "jwt_authn RS256, jwt_cache_config", rs, 2 * p.tokens, hit}, {"jwt-es-cached", "jwt_authn ES256, jwt_cache_config", es, 2 * p.tokens, hit},
	} {
		all = append(all, route{front: front{j.name, jwtAuthn(s.issuers[0], j.cached, rsa, ec, ed)}, title: j.title, tokens: j.tokens, cache: j.cache})
	}
	pipe := func(path string) object { return object{"pipe": object{"path": path}} }
	host, port, err := splitAddress(tcp)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range []struct {
		name, title string
		address     object
		route       route
	}{
		{"empty", "ext_authz, empty server", pipe(socket), route{server: empty, tokens: es}},
		{"parrot", "ext_authz, the guard's answer from a codec that reads nothing", pipe(parroted), route{server: parrot, tokens: es}},
		{"warm", "ext_authz, jwtguard warm", pipe(warm.authz), route{server: guard, tokens: es, metrics: warm.metrics, want: hit}},
		{"warm-tcp", "ext_authz, jwtguard warm over TCP", object{"socket_address": object{"address": host, "port_value": port}}, route{server: guard, tokens: es, metrics: warm.metrics, want: hit}},
		{"cold-rs", "ext_authz, jwtguard cold RS256", pipe(cold.authz), route{server: uncached, tokens: rs, metrics: cold.metrics}},
		{"cold-es", "ext_authz, jwtguard cold ES256", pipe(cold.authz), route{server: uncached, tokens: es, metrics: cold.metrics}},
		{"cold-ed", "ext_authz, jwtguard cold EdDSA", pipe(cold.authz), route{server: uncached, tokens: eds, metrics: cold.metrics}},
	} {
		filter, cluster, err := shipped.authzTo(a.name, a.address)
		if err != nil {
			return nil, nil, err
		}
		clusters = append(clusters, cluster)
		a.route.front, a.route.title = front{a.name, filter}, a.title
		all = append(all, a.route)
	}
	return all, clusters, nil
}

func bearers(tokens []string) []string {
	all := make([]string, len(tokens))
	for i, t := range tokens {
		all[i] = "Bearer " + t
	}
	return all
}

// watchEnvoyCache holds what is measured against the cache of a jwt_authn filter.
func watchEnvoyCache(ctx context.Context, envoy *harness.Envoy, prefix string, want cached) func() (func(int) error, error) {
	counts := func() (n map[cached]float64, err error) {
		text, err := envoy.AdminGet(ctx, "/stats/prometheus?filter=jwt_cache")
		n = map[cached]float64{}
		for _, c := range []cached{hit, miss} {
			if err == nil {
				n[c], _, err = sumOf(text, "envoy_http_jwt_authn_jwt_cache_"+string(c), `envoy_http_conn_manager_prefix="`+prefix+`"`)
			}
		}
		return n, err
	}
	return func() (func(int) error, error) {
		before, err := counts()
		return func(answered int) error {
			now, err := counts()
			if err == nil && now[want]-before[want] != float64(answered) {
				err = fmt.Errorf("of %d requests jwt_authn's cache counted %.0f hits and %.0f misses", answered, now[hit]-before[hit], now[miss]-before[miss])
			}
			return err
		}, err
	}
}

// envoyVersion is the version of a binary.
func envoyVersion(ctx context.Context, binary string) (string, error) {
	said, err := harness.Command(ctx, binary, "--version")
	if err != nil {
		return "", err
	}
	_, build, _ := strings.Cut(said.Stdout, "version: ")
	parts := strings.Split(build, "/")
	if len(parts) < 2 {
		return "", fmt.Errorf("%s --version says %q", filepath.Base(binary), said.Stdout)
	}
	return parts[1], nil
}

func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	return host, port, err
}
