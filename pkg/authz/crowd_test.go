package authz

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// echo is a decider whose decisions say which token they are about, at the end of the
// judgement as at its beginning. Some tokens wait for a refresh, and some meet a mistake
// of ours.
type echo struct{ policy *verify.Policy }

func (e echo) Policies() []*verify.Policy { return []*verify.Policy{e.policy} }

func (e echo) DecideBytes(p *verify.Policy, token []byte, now verify.Instant, room []verify.HeaderValue) verify.Decision {
	before := string(token)
	runtime.Gosched() // let others use buffers
	if !bytes.Equal(token, []byte(before)) {
		before = "changed"
	}
	if strings.Contains(before, "panic") {
		panic(before)
	}
	d := accepted(p)
	if strings.Contains(before, "wait") && now.Wall.UnixNano()%2 == 0 {
		d = verify.Refuse(p, verify.KidUnknown, "")
		d.Issuer, d.Refresh = corp, verify.AwaitRefresh
	}
	d.Headers = append(room, verify.HeaderValue{Name: "x-token", Value: before})
	runtime.Gosched() // and room
	return d
}

// fickle is a refresher that is of use every other time.
type fickle struct{ n atomic.Uint64 }

func (f *fickle) Refresh(context.Context, *verify.Issuer, time.Duration) bool {
	runtime.Gosched()
	return f.n.Add(1)%2 == 0
}

// wary is an observer that keeps a decision which is not about its request's token.
type wary struct{ wrong atomic.Pointer[string] }

func (w *wary) Observe(_ context.Context, d *verify.Decision, _ time.Duration, id string) {
	if d.OK() && d.Headers[0].Value != "token-"+id {
		wrong := id + " is told of " + d.Headers[0].Value
		w.wrong.Store(&wrong)
	}
	if strings.HasSuffix(id, "observer") {
		panic(id)
	}
}

// What a check held is a client's, and does not wait for the next one.
func TestNothingIsLeftInACheckThatIsDone(t *testing.T) {
	c := newCheck()
	c.decision, c.request.id = verify.Refuse(nil, verify.TokenMissing, "x"), "x"
	c.headers[1], c.sets[1] = verify.HeaderValue{Name: "x", Value: "x"}, overwrite{"x", "x"}
	if c.done(); !reflect.ValueOf(*c).IsZero() {
		t.Errorf("%+v", *c)
	}
}

// Many clients at once, mistakes of ours among them, and calls that end before their
// time: each answer is about the token of its own request.
func TestEachIsAnsweredAboutItsOwnToken(t *testing.T) {
	p := bearer(verify.DefaultPolicy)
	p.ClaimHeaders = []verify.ClaimHeader{{Claim: "token", Header: "x-token"}}
	heard := new(wary)
	s := newServer(t, Config{Decider: echo{p}, Observer: heard, Refresher: new(fickle), OnPanic: func(any, []byte) {}})
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.ForceServerCodecV2(Codec()))
	s.Listener("").Register(server)
	go server.Serve(listener)
	t.Cleanup(server.Stop)

	var all sync.WaitGroup
	for worker := range 16 {
		conn, err := grpc.NewClient("passthrough:///guard", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		client := authv3.NewAuthorizationClient(conn)
		all.Go(func() {
			for n := range 120 {
				kind := [...]string{"plain", "wait", "panic", "observer", "gone"}[(worker+n)%5]
				pad := strings.Repeat(string(rune('a'+worker%26)), n*97%6000)
				id := fmt.Sprintf("%d-%d-%s", worker, n, kind)
				ctx := t.Context()
				if kind == "gone" {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Duration(n)*time.Microsecond)
					defer cancel()
				}
				resp, err := client.Check(ctx, raw("/", "x-pad: "+pad, "x-request-id: "+id, "authorization: Bearer token-"+id))
				if err != nil {
					if kind != "gone" {
						t.Error(err)
					}
					continue
				}
				a := read(t, resp)
				switch {
				case a.passes && a.headers["x-token"] != "token-"+id:
					t.Errorf("%s is answered about %q", id, a.headers["x-token"])
				case kind == "panic" && a.reason() != "internal_error", kind == "plain" && !a.passes:
					t.Errorf("%s: %s", id, a.reason())
				}
			}
		})
	}
	all.Wait()
	if w := heard.wrong.Load(); w != nil {
		t.Error(*w)
	}
}
