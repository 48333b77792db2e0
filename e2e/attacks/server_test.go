package attacks

import (
	"context"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/e2e/harness/harnesstest"
	"github.com/jwtguard/jwtguard/pkg/authz"
)

// listen serves the guard on a unix socket until the test ends, by our own codec or
// by the generated one.
func listen(t testing.TB, s *authz.Server, ours bool) (socket string) {
	t.Helper()
	socket = filepath.Join(harnesstest.TempDir(t), "authz.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	if ours {
		server = grpc.NewServer(grpc.ForceServerCodecV2(authz.Codec()))
		s.Listener("").Register(server)
	} else {
		authv3.RegisterAuthorizationServer(server, s.Listener(""))
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return socket
}

// client sends checks that are encoded already: some are none.
type client struct{ *grpc.ClientConn }

func dial(t testing.TB, socket string) client {
	t.Helper()
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytesCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return client{conn}
}

func (c client) check(ctx context.Context, data []byte) (*authv3.CheckResponse, error) {
	var out []byte
	if err := c.Invoke(ctx, authv3.Authorization_Check_FullMethodName, &data, &out); err != nil {
		return nil, err
	}
	resp := new(authv3.CheckResponse)
	return resp, proto.Unmarshal(out, resp)
}

// bytesCodec is for messages that are byte slices.
type bytesCodec struct{}

var _ encoding.CodecV2 = bytesCodec{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// outcome is what became of a request.
type outcome struct {
	passes   bool
	reason   string
	upstream map[string]string // identity headers; of one that passes
}

func (m message) outcome(resp *authv3.CheckResponse) outcome {
	o := outcome{
		// A denial is a code other than 0 and an HTTP status: see Envoy's ext_authz.
		passes: resp.GetStatus() != nil && resp.GetStatus().GetCode() == 0,
		reason: resp.GetDynamicMetadata().GetFields()["reason"].GetStringValue(),
	}
	if o.passes {
		o.upstream = m.upstream(resp)
	}
	return o
}

// fails tells whether an attack failed as it should, by what is wrong with that.
func (a *attack) fails(o outcome) error {
	switch {
	case o.reason != string(a.Reason):
		return fmt.Errorf("%s, want %s", o.reason, a.Reason)
	case o.passes != (a.Upstream != nil):
		return fmt.Errorf("passes: %t", o.passes)
	case o.passes && !maps.Equal(o.upstream, a.Upstream):
		return fmt.Errorf("the upstream gets %v, want %v", o.upstream, a.Upstream)
	}
	return nil
}

// succeeds tells whether the attacker got what he wanted.
func (a *attack) succeeds(o outcome) bool {
	return o.passes && (a.Upstream == nil || !maps.Equal(o.upstream, a.Upstream))
}

func TestServerRefusesEveryAttack(t *testing.T) {
	guard := newGuard(t, verifier(t, cacheBytes))
	codecs := map[string]client{"ours": dial(t, listen(t, guard, true)), "generated": dial(t, listen(t, guard, false))}
	for codec, c := range codecs {
		for _, f := range []form{raw, joined} {
			for name, p := range goodTokens(t) {
				if o := ask(t, c, f, &attack{Policy: "default"}, p); !o.passes || o.upstream["x-jwt-sub"] != "alice" {
					t.Errorf("good token of %s, by %s in %s: %+v", name, codec, f, o)
				}
			}
			for name, a := range goodRequests() {
				if o := ask(t, c, f, a, good(t, recipe{})); !o.passes {
					t.Errorf("good request by %s, by %s in %s: %+v", name, codec, f, o)
				}
			}
		}
	}
	for _, a := range cases(t) {
		t.Run(a.id, func(t *testing.T) {
			p, err := a.Token.make()
			if err != nil {
				t.Fatal(err)
			}
			for codec, c := range codecs {
				for _, f := range []form{raw, joined} {
					if a.Generated != "" && codec == "generated" {
						continue // it has a test of its own
					}
					if err := a.fails(ask(t, c, f, a, p)); err != nil {
						t.Errorf("by %s in %s: %v", codec, f, err)
					}
				}
			}
		})
	}
}

func ask(t testing.TB, c client, f form, a *attack, p parts) outcome {
	t.Helper()
	m, err := a.message(p)
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.encode(f)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.check(t.Context(), data)
	if err != nil {
		t.Errorf("in %s: gRPC error: %v", f, err)
	}
	return m.outcome(resp)
}

// TestGeneratedCodecGivesAnError: what is no message, the generated code refuses
// before the guard is asked. Our own codec answers, because Envoy lets an error pass
// where it is told failure_mode_allow.
func TestGeneratedCodecGivesAnError(t *testing.T) {
	c := dial(t, listen(t, newGuard(t, verifier(t, 0)), false))
	found := 0
	for _, a := range cases(t) {
		if a.Generated == "" {
			continue
		}
		found++
		m, err := a.message(good(t, a.Token))
		if err != nil {
			t.Fatal(err)
		}
		data, err := m.encode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.check(t.Context(), data); status.Code(err) != codes.Internal {
			t.Errorf("%s: %v", a.id, err)
		}
	}
	if found == 0 {
		t.Error("no case")
	}
}
