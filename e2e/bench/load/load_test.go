package load

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

var (
	allow = &authv3.CheckResponse{Status: &status.Status{}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}}}
	deny  = &authv3.CheckResponse{Status: &status.Status{Code: 16}, HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{}}}
)

// scripted is an authorization server that answers as a test wants.
type scripted struct {
	authv3.UnimplementedAuthorizationServer
	answer func() (*authv3.CheckResponse, error)
}

func (s scripted) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return s.answer()
}

// dialScripted connects to such a server.
func dialScripted(t *testing.T, connections int, answer func() (*authv3.CheckResponse, error), options ...grpc.ServerOption) (*Client, error) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(options...)
	authv3.RegisterAuthorizationServer(s, scripted{answer: answer})
	go s.Serve(l) // until Stop
	t.Cleanup(s.Stop)
	message, err := proto.Marshal(&authv3.CheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	requests, err := GRPC(authv3.Authorization_Check_FullMethodName, [][]byte{message})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Dial(t.Context(), "unix", socket, connections, requests)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// TestEveryAnswerIsCounted on either side alike.
func TestEveryAnswerIsCounted(t *testing.T) {
	var came atomic.Int64
	c, err := dialScripted(t, 3, func() (*authv3.CheckResponse, error) { came.Add(1); return allow, nil })
	if err != nil {
		t.Fatal(err)
	}
	want := 3 // which opened the connections
	for _, run := range []func() (Result, error){
		func() (Result, error) { return c.Send(t.Context(), 1000) },
		func() (Result, error) { return c.Flood(t.Context(), 20*time.Millisecond, 8) },
		func() (Result, error) { return c.Pace(t.Context(), 20*time.Millisecond, 5000) },
	} {
		r, err := run()
		if err != nil {
			t.Fatal(err)
		}
		if want += r.Answered; int(came.Load()) != want {
			t.Fatalf("%d requests came, and %d were counted", came.Load(), want)
		}
	}
}

// TestRequestsDoNotWaitForAnswers: the first answer comes after requests that were
// due later, and is as late as they are apart.
func TestRequestsDoNotWaitForAnswers(t *testing.T) {
	const perSecond, behind = 1000, 20
	var came atomic.Int64
	enough := make(chan struct{})
	c, err := dialScripted(t, 1, func() (*authv3.CheckResponse, error) {
		switch came.Add(1) {
		case 2: // the first opened the connection
			<-enough
		case 2 + behind:
			close(enough)
		}
		return allow, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Pace(t.Context(), 30*time.Millisecond, perSecond)
	if err != nil {
		t.Fatal(err)
	}
	if worst := Quantile(r.Latencies, 1); r.Answered != 30 || len(r.Latencies) != 30 || worst < (behind-1)*time.Second/perSecond {
		t.Errorf("%d requests, the slowest took %s", r.Answered, worst)
	}
}

// TestLatenciesCountFromWhenARequestWasDue, and not from when it was sent: a thousand
// are due within a millisecond, and the server takes one at a time.
func TestLatenciesCountFromWhenARequestWasDue(t *testing.T) {
	c, err := dialScripted(t, 1, func() (*authv3.CheckResponse, error) { return allow, nil }, grpc.MaxConcurrentStreams(1))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Pace(t.Context(), time.Millisecond, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if worst := Quantile(r.Latencies, 1); r.Answered != 1000 || worst < r.Took/2 {
		t.Errorf("%d requests took %s, the slowest of them %s", r.Answered, r.Took, worst)
	}
	if late := Quantile(r.Delays, 1); late < r.Took/2 {
		t.Errorf("the last request was sent %s late, within %s", late, r.Took)
	}
}

// TestWhatIsNoAllowEndsTheLoad whether a request, a call or a connection fails.
func TestWhatIsNoAllowEndsTheLoad(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func() (*authv3.CheckResponse, error)
		want   string
	}{
		"a deny":       {func() (*authv3.CheckResponse, error) { return deny, nil }, "denied with the code 16"},
		"an empty one": {func() (*authv3.CheckResponse, error) { return &authv3.CheckResponse{}, nil }, "neither an allow nor a deny"},
		"no status": {func() (*authv3.CheckResponse, error) {
			return &authv3.CheckResponse{HttpResponse: allow.HttpResponse}, nil
		}, "neither"},
		"a failed call": {func() (*authv3.CheckResponse, error) { return nil, context.Canceled }, `grpc-status "1"`},
		"allow and deny": {func() (*authv3.CheckResponse, error) {
			return &authv3.CheckResponse{Status: &status.Status{}, HttpResponse: deny.HttpResponse}, nil
		}, "denied"},
	} {
		var bad atomic.Bool
		c, err := dialScripted(t, 1, func() (*authv3.CheckResponse, error) {
			if bad.Load() {
				return tt.answer()
			}
			return allow, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		bad.Store(true)
		if _, err := c.Send(t.Context(), 10); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the error is %v, and not %s", name, err, tt.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for part, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 0.999: 100, 1: 100} {
		if got := Quantile(hundred, part); got != want {
			t.Errorf("%v: %d, and not %d", part, got, want)
		}
	}
	if Quantile(nil, 0.5) != 0 {
		t.Error("of nothing")
	}
}
