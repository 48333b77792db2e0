package authz

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// wireClient sends what no gRPC client would.
type wireClient struct {
	testing.TB
	*Server
	http *http.Transport
}

func newWireClient(t *testing.T, cfg Config) *wireClient {
	t.Helper()
	s := newServer(t, cfg)
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.ForceServerCodecV2(Codec()))
	s.Listener("").Register(server)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	c := &wireClient{t, s, &http.Transport{Protocols: new(http.Protocols), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}}}
	c.http.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// send sends this body as a call. It gives the status of gRPC, and the message of
// the answer if there is one.
func (c *wireClient) send(body io.Reader, header ...string) (status string, message []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://guard"+authv3.Authorization_Check_FullMethodName, body)
	if err != nil {
		c.Error(err)
		return "", nil
	}
	req.Header.Set("Content-Type", "application/grpc")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		c.Error(err)
		return "", nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Error(err)
	}
	status = resp.Trailer.Get("Grpc-Status") + resp.Header.Get("Grpc-Status")
	if len(b) < prefixSize {
		return status, nil
	}
	return status, b[prefixSize:]
}

// framed is a message with its prefix, which may lie about it.
func framed(flag byte, size int, m []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(size)), m...)
}

// What the guard does not take is answered with a deny as well: an error would be a
// pass where Envoy is told failure_mode_allow.
func TestWhatIsNotTakenIsDenied(t *testing.T) {
	p := bearer("default")
	check, err := proto.Marshal(raw("/", "authorization: Bearer "+good))
	if err != nil {
		t.Fatal(err)
	}
	large, err := proto.Marshal(raw("/", "x: "+strings.Repeat("x", 2*Window), "authorization: Bearer "+good))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		body  []byte
		large int64 // memory that other checks take
		want  string
	}{
		"as it should be":               {framed(0, len(check), check), 0, "0 ok"},
		"no memory left, but small":     {framed(0, len(check), check), maxLarge, "0 ok"},
		"large":                         {framed(0, len(large), large), maxLarge - int64(2*len(large)), "0 ok"},
		"no memory left for large":      {framed(0, len(large), large), maxLarge - int64(2*len(large)) + 1, "0 overloaded"},
		"larger than anything":          {framed(0, MaxMessage+1, check), 0, "0 overloaded"},
		"as large as can be said":       {framed(0, 1<<32-1, check), 0, "0 overloaded"},
		"compressed":                    {framed(1, len(check), check), 0, "0 internal_error"},
		"flag that nobody knows":        {framed(7, len(check), check), 0, "0 internal_error"},
		"cut short":                     {framed(0, len(check)+1, check), 0, "0 internal_error"},
		"cut short, and large":          {framed(0, 2*Window, check), 0, "0 internal_error"},
		"cut short within its length":   {framed(0, len(check), nil)[:3], 0, "0 internal_error"},
		"no message":                    {nil, 0, "0 internal_error"},
		"a second one, as no one sends": {append(framed(0, len(check), check), framed(0, len(check), check)...), 0, "0 ok"},
	} {
		t.Run(name, func(t *testing.T) {
			var h heard
			c := newWireClient(t, Config{Decider: &fake{policies: []*verify.Policy{p}}, Observer: &h})
			c.large.Store(tc.large)
			status, message := c.send(bytes.NewReader(tc.body))
			resp := new(authv3.CheckResponse)
			if err := proto.Unmarshal(message, resp); err != nil {
				t.Fatal(err)
			}
			a := read(t, resp)
			if got := fmt.Sprint(status, " ", a.reason()); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if a.passes != strings.HasSuffix(tc.want, " ok") || !a.passes && (a.http != 503 || a.headers["retry-after"] == "") {
				t.Errorf("%+v", a)
			}
			if h.reasons() != a.reason() {
				t.Errorf("observed %s", h.reasons())
			}
			if left := c.large.Load(); left != tc.large {
				t.Errorf("%d bytes are taken, and were %d", left, tc.large)
			}
		})
	}
}

// A bomb would be sixteen thousand bytes that become sixteen million.
func TestCompressedChecksAreNotUnpacked(t *testing.T) {
	c := newWireClient(t, Config{Decider: &fake{policies: []*verify.Policy{bearer("default")}}})
	status, message := c.send(bytes.NewReader(framed(1, 4, []byte("bomb"))), "Grpc-Encoding", "gzip")
	if status != "12" && !bytes.Contains(message, []byte("internal_error")) { // 12: nobody knows gzip in this program
		t.Errorf("status %s: %s", status, message)
	}
}

// A check that stalls is ended when its place is taken: grpc-go's stream still is
// what the guard takes it for.
func TestStalledCheckIsEnded(t *testing.T) {
	c := newWireClient(t, Config{Decider: &fake{policies: []*verify.Policy{bearer("default")}}})
	reader, writer := io.Pipe()
	defer writer.Close()
	ended := make(chan string)
	go func() {
		status, _ := c.send(reader)
		ended <- status
	}()
	if _, err := writer.Write(framed(0, 100, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); c.readers.turn.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the check is not read by the guard itself: does grpc-go's stream have other methods now? See messages")
		}
	}
	for range maxReaders * 4 { // until it is found, too
		enter(&c.readers)
	}
	select {
	case status := <-ended:
		if status != "14" {
			t.Errorf("status %s", status)
		}
	case <-time.After(time.Minute):
		t.Error("it is still read")
	}
}

// Nothing is done for a stream that the client took back.
func TestResetStreamIsNotDecided(t *testing.T) {
	var h heard
	s := newServer(t, Config{Decider: &fake{policies: []*verify.Policy{bearer("default")}}, Observer: &h})
	ctx, cancel := context.WithCancel(grpc.NewContextWithServerTransportStream(t.Context(), taken{new(slow)}))
	cancel()
	if resp, err := handle(s.Listener(""), ctx, nil, nil); resp != nil || err == nil {
		t.Errorf("%v, %v", resp, err)
	}
	if h.reasons() != "" {
		t.Errorf("observed %s", h.reasons())
	}
}

// taken is a slow stream of a server.
type taken struct{ *slow }

func (taken) Method() string                   { return "" }
func (taken) SetHeader(grpcmetadata.MD) error  { return nil }
func (taken) SendHeader(grpcmetadata.MD) error { return nil }
func (taken) SetTrailer(grpcmetadata.MD) error { return nil }
