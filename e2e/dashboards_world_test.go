package e2e

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// A fleet is two guards of one issuer, clients that ask both of them all the time,
// and a Prometheus that scrapes them each second.
type fleet struct {
	*world // the first guard
	second *world
	prom   *harness.Prometheus
	began  time.Time

	mu     sync.Mutex
	tokens []string // what clients present, in turn
	next   int
}

func newFleet(t *testing.T, s setup) *fleet {
	t.Helper()
	binary, err := harness.PrometheusBinary()
	harnesstest.Need(t, err)
	s.alone, s.state = true, newState(t)
	f := &fleet{world: newWorld(t, s)}
	f.second = f.another(s.state)
	if f.prom, err = harness.StartPrometheus(harnesstest.Step(t), binary, harnesstest.TempDir(t), fmt.Sprintf(`
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
- { job_name: jwtguard, static_configs: [{ targets: ["%s", "%s"] }] }
`, f.metrics, f.second.metrics)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.prom.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("prometheus said:\n%s", f.prom.Stderr)
		}
	})
	f.began = time.Now()
	return f
}

// another is a guard of the same issuer with all else of its own.
func (f *fleet) another(state string) *world {
	dir := harnesstest.TempDir(f.t)
	w := *f.world
	w.mesh = &mesh{t: f.t, dir: dir, socket: filepath.Join(dir, "authz.sock")}
	w.guardDir, w.metrics, w.admin = dir, freePort(f.t), "unix://"+filepath.Join(dir, "admin.sock")
	w.config = strings.NewReplacer(f.socket, w.socket, f.metrics, w.metrics, f.admin, w.admin, state, newState(f.t)).Replace(f.config)
	w.startGuard()
	f.t.Cleanup(func() {
		if err := w.guard.Stop(); err != nil {
			f.t.Error(err)
		}
	})
	return &w
}

// asked is how many checks a second clients ask of each guard: of a key out of
// service more than the 10 whose signature is checked all the same.
const asked = 60

// present has clients present these tokens to both guards until the test ends.
func (f *fleet) present(tokens ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tokens == nil {
		for _, w := range []*world{f.world, f.second} {
			f.load(w)
		}
	}
	f.tokens = tokens
}

func (f *fleet) load(w *world) {
	conn, err := grpc.NewClient("unix://"+w.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		f.t.Fatal(err)
	}
	client := authv3.NewAuthorizationClient(conn)
	load := harness.StartLoad(context.Background(), asked, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		_, err := client.Check(ctx, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
			Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
				Method: "GET", Path: "/", HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", RawValue: []byte("Bearer " + f.token())}}},
			}},
		}})
		return err
	})
	f.t.Cleanup(func() {
		if _, _, failures := load.Stop(); failures != nil {
			f.t.Errorf("checks failed: %q", failures)
		}
		conn.Close()
	})
}

func (f *fleet) token() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	return f.tokens[f.next%len(f.tokens)]
}

// await waits until Prometheus finds an expression true of so many rows.
func (f *fleet) await(what string, rows int, expr string) {
	f.t.Helper()
	var got []harness.Series
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var err error
		if got, err = f.prom.Query(harnesstest.Step(f.t), expr); err != nil {
			f.t.Fatalf("%s: %v", what, err)
		} else if len(got) == rows {
			return
		}
	}
	f.t.Fatalf("%s: want %d rows of %s, got %v", what, rows, expr, got)
}

// hasData tells whether a value among the series is a number.
func hasData(series []harness.Series) bool {
	for _, s := range series {
		for _, v := range s.Values {
			if n, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(n) {
				return true
			}
		}
	}
	return false
}
