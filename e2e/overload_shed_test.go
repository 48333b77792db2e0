package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
)

// What the guard has no room for is denied, and not answered with an error: that
// would be a pass with failure_mode_allow. Clients learn that they may come back.
func TestWhatIsTooLargeForTheGuardIs503AndNoPass(t *testing.T) {
	for _, allow := range []string{"false", "true"} {
		t.Run("failure_mode_allow "+allow, func(t *testing.T) {
			w := newWorld(t, setup{edit: func(config string) string {
				return harnesstest.ReplaceOnce(t, config, "              failure_mode_allow: false\n",
					"              failure_mode_allow: "+allow+"\n              with_request_body: { max_request_bytes: 20000000 }\n")
			}})
			for size, want := range map[int]int{15 << 20: 200, 18 << 20: 503} {
				req, err := http.NewRequestWithContext(harnesstest.Step(t), "POST", "http://"+w.envoy.Address+"/", strings.NewReader(strings.Repeat("a", size)))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+w.token(nil))
				from := w.envoy.Stdout.Len()
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				a, _, err := w.envoy.NextAccess(harnesstest.Step(t), from)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != want {
					t.Errorf("%d bytes: %d, want %d: %s", size, resp.StatusCode, want, a.Line)
				}
				if want == 503 && (resp.Header.Get("Retry-After") != "1" || value(a.Reason) != "overloaded") {
					t.Errorf("%v: %s", resp.Header, a.Line)
				}
			}
		})
	}
}

// The guard lets few checks be under way on a connection: that rests on Envoy making
// another connection when they are used up.
func TestEnvoyMakesMoreConnectionsWhereStreamsAreFew(t *testing.T) {
	const streams, requests = 2, 24
	g := &few{all: make(chan struct{}), want: requests, by: map[string]int{}}
	at := freePort(t)
	listener, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxConcurrentStreams(streams))
	authv3.RegisterAuthorizationServer(server, g)
	go server.Serve(listener)
	defer server.Stop()
	m := newMesh(t, harness.Places{GuardTCP: at}, nil)
	var all sync.WaitGroup
	for range requests {
		all.Go(func() {
			if r, err := (harness.Request{}).HTTP1(harnesstest.Step(t), m.envoy.Address); err != nil || r.Status != 200 {
				t.Errorf("%d, %v", r.Status, err)
			}
		})
	}
	all.Wait()
	for from, n := range g.by {
		if n > streams {
			t.Errorf("%d at once from %s", n, from)
		}
	}
}

// few is a guard that answers when all have asked.
type few struct {
	authv3.UnimplementedAuthorizationServer
	all  chan struct{}
	mu   sync.Mutex
	want int
	by   map[string]int // connection
}

func (f *few) Check(ctx context.Context, _ *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	p, _ := peer.FromContext(ctx)
	f.mu.Lock()
	f.by[fmt.Sprint(p.Addr)]++
	if f.want--; f.want == 0 {
		close(f.all)
	}
	f.mu.Unlock()
	select {
	case <-f.all:
		return &authv3.CheckResponse{Status: new(status.Status), HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: new(authv3.OkHttpResponse)}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
