package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/e2e/bench/load"
	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

const (
	// directConnections is one for each Envoy worker of a machine with two cores.
	directConnections = 2
	// directStreams keeps both cores busy, and is far below every limit of the guard.
	directStreams = 32
	// mostWarmUp bounds how many cold requests come before the first round. Warm ones
	// are sent twice, of which there are fewer.
	mostWarmUp = 1000
	// givenUp is the part of warm tokens that may miss among cold ones.
	givenUp = 0.01
	// coldPolicies are how often a cold token is used, each time under another policy.
	coldPolicies = 200
)

// algorithms that cold tokens are measured with.
var algorithms = []string{"RS256", "ES256", "EdDSA"}

// direct measures checks over gRPC on a unix socket.
func direct(ctx context.Context, page *page, p plan, binary string) (err error) {
	var keys []*devissuer.Key
	for _, alg := range algorithms {
		keys = append(keys, devissuer.NewKey("key-"+alg, alg))
	}
	s, err := newStage(binary, 1, func(int) []*devissuer.Key { return keys })
	defer func() { err = errors.Join(err, s.strike()) }()
	if err != nil {
		return err
	}
	f := &field{}
	defer func() { err = errors.Join(err, f.clear()) }()
	at, err := s.newPost("warm")
	if err != nil {
		return err
	}
	guard, err := f.keep(s.startGuard(ctx, at, trust{issuers: s.issuers}))
	if err != nil {
		return err
	}
	full, err := s.newPost("cold")
	if err != nil {
		return err
	}
	filled, err := f.keep(s.startGuard(ctx, full, trust{issuers: s.issuers, policies: coldPolicies}))
	if err != nil {
		return err
	}
	warm := mint(p.tokens, signer{s.issuers[0], keys[1]})
	said, err := guard.answer(ctx, warm[0])
	if err != nil {
		return err
	}
	var empty, floor, parrot *candidate
	for _, reference := range []struct {
		role, name string
		as         **candidate
	}{
		{"empty", "(a) empty server, generated codec", &empty},
		{"floor", "(b) floor: a codec that does nothing", &floor},
		{"parrot", "(c) the floor, with the guard's answer", &parrot},
	} {
		socket := filepath.Join(at.dir, reference.role+".sock")
		server, err := f.keep(castAndAwait(reference.role, socket, said))
		if err != nil {
			return err
		}
		requests, err := warmRequests(warm)
		if err != nil {
			return err
		}
		*reference.as = f.add(reference.name, directTo(socket, requests, server, true))
	}
	var warmed [2]*candidate
	for i, g := range []struct {
		name   string
		at     post
		server *server
	}{{"jwtguard, warm", at, guard}, {"jwtguard, warm, among cold ones", full, filled}} {
		requests, err := warmRequests(warm)
		if err != nil {
			return err
		}
		t := directTo(g.at.authz, requests, g.server, true)
		t.watch = watchCache(ctx, g.at.metrics, hit)
		if g.server == filled {
			// Cold tokens may have taken their places since the last round, or do.
			t.again, t.watch = true, watchAlmost(ctx, g.at.metrics, givenUp, 0)
		}
		warmed[i] = f.add(g.name, t)
	}
	bare, cold := map[string]*candidate{}, map[string]*candidate{}
	for i, alg := range algorithms {
		n, err := p.coldEnough(coldPolicies, keys[i])
		if err != nil {
			return err
		}
		tokens := mint(n, signer{s.issuers[0], keys[i]})
		requests, err := coldRequests(tokens, coldPolicies)
		if err != nil {
			return err
		}
		t := directTo(full.authz, requests, filled, true)
		t.watch = watchCache(ctx, full.metrics, miss)
		cold[alg] = f.add("jwtguard, cold "+alg, t)
		bare[alg] = f.enter("bare "+alg+" check, on all processors", func(_ context.Context, p plan) (figures, error) {
			return bareCheck(keys[i], tokens, p.length/2)
		})
	}
	guards := []*server{guard, filled}
	idle, err := memoryOfAll(guards)
	if err != nil {
		return err
	}
	if err := compete(ctx, p, "direct", f.candidates); err != nil {
		return err
	}
	loaded, err := memoryOfAll(guards)
	if err != nil {
		return err
	}
	page.write("\n## Direct: checks over gRPC on a unix socket\n\n")
	page.write("%d connections, %d checks under way on each at full load, requests of %d bytes. Warm: %d tokens (ES256) in turn, each seen before; the references get the same. Among cold ones: by the guard that the cold tokens go to, whose token cache is full of them.\n", directConnections, directStreams, requestSize(warm[0]), p.tokens)
	page.write("The guard's answer has %d bytes, that of (a) and (b) %d.\n", len(said), proto.Size(pass()))
	page.write("Cold: no pair of token and policy twice (%d policies), the token cache on.\n", coldPolicies)
	page.throughputs("checks", f.candidates)
	rows := [][]string{
		{"warm / (a), throughput", ratio(warmed[0].against(empty, perSecond)), "≥ 1.00"},
		{"warm / (a), checks a second and CPU", ratio(empty.against(warmed[0], cpuEach)), ""},
		{"warm / (b), throughput", ratio(warmed[0].against(floor, perSecond)), "≥ 0.85"},
		{"warm / (b), checks a second and CPU", ratio(floor.against(warmed[0], cpuEach)), ""},
		{"warm / (c), throughput", ratio(warmed[0].against(parrot, perSecond)), ""},
		{"warm / (c), checks a second and CPU", ratio(parrot.against(warmed[0], cpuEach)), ""},
		{"warm, among cold ones / (a), throughput", ratio(warmed[1].against(empty, perSecond)), ""},
		{"warm, among cold ones / (a), checks a second and CPU", ratio(empty.against(warmed[1], cpuEach)), ""},
	}
	for _, alg := range algorithms {
		rows = append(rows, []string{"cold " + alg + ", CPU / ((a) + bare check)", ratio(sumRatio(cold[alg], empty, bare[alg])), "≤ 1.10"})
	}
	page.table([]string{"ratio, round by round", "", "yardstick"}, rows)
	page.write("\nResident memory of the guard: %s before; %s after warm tokens, %s with its token cache full of cold ones.\n", mebibytes(idle[0]), mebibytes(loaded[0]), mebibytes(loaded[1]))
	return nil
}

// directTo is a server on a unix socket.
func directTo(socket string, requests *load.Requests, s *server, steady bool) *target {
	return &target{
		network: "unix", address: socket, connections: directConnections, streams: directStreams,
		requests: requests, processes: []*harness.Process{s.process}, steady: steady, warmUp: min(2*requests.Len(), mostWarmUp),
	}
}

// sumRatio is the processor time of a candidate against that of two others together.
func sumRatio(c, one, other *candidate) spread[float64] {
	ratios := make([]float64, len(c.results))
	for i, r := range c.results {
		ratios[i] = float64(r.cpu) / float64(one.results[i].cpu+other.results[i].cpu)
	}
	return spreadOf(ratios)
}

// castAndAwait starts this program in a role on a socket, and waits until it
// listens there. Of the roles, the parrot alone has an answer to give.
func castAndAwait(role, socket string, answer []byte) (*server, error) {
	if answer != nil {
		if err := os.WriteFile(answerBeside(socket), answer, 0o600); err != nil {
			return nil, err
		}
	}
	s, err := cast(role, socket)
	if err != nil {
		return nil, err
	}
	return s, awaitSocket(socket)
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
