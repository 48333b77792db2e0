package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jwtguard/jwtguard/e2e/harness"
	"github.com/jwtguard/jwtguard/internal/devissuer"
)

// patienceOfTests bounds every wait for something that is bound to happen.
const patienceOfTests = 20 * time.Second

// world is an issuer over HTTPS and a folder for a guard's files and sockets.
type world struct {
	t      testing.TB
	dir    string // short: the path of a unix socket has little room
	file   string // the configuration
	issuer *devissuer.Server
	key    *devissuer.Key // published
	with   serveOptions
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "jg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, dir: dir, file: filepath.Join(dir, "jwtguard.yaml"), key: devissuer.SharedKey("2026-11", "ES256")}
	w.issuer = w.newIssuer()
	w.issuer.Publish(w.key)
	return w
}

// newIssuer starts another issuer by the same authority.
func (w *world) newIssuer() *devissuer.Server {
	w.t.Helper()
	ca := devissuer.NewCA()
	if w.issuer != nil {
		ca = w.issuer.CA
	}
	s, err := devissuer.Start(ca)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	w.must(ca.WriteFile(w.path("ca.pem")))
	return s
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// path is a file in the world's folder.
func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// corp is the issuer as the configuration writes it; more goes into its mapping.
func (w *world) corp(more string) string { return w.entry("corp", w.issuer, more) }

func (w *world) entry(name string, s *devissuer.Server, more string) string {
	if !strings.Contains(more, "jwks:") {
		more += ", jwks: {ca_file: ca.pem}"
	}
	return fmt.Sprintf("  - {name: %s, issuer: %q, audiences: [api], max_lifetime: 1h%s}\n", name, s.URL, more)
}

// fixed is the issuer with its keys in a file, which is read without the jitter
// of a fetch.
func (w *world) fixed(more string, keys ...devissuer.JWK) string {
	w.t.Helper()
	w.must(os.WriteFile(w.path("jwks.json"), devissuer.Document(append([]devissuer.JWK{w.key.JWK()}, keys...)...), 0o600))
	return w.corp(more + ", jwks: {file: jwks.json}")
}

// listen is where the guard answers: two sockets, and a port for metrics.
func (w *world) listen() string {
	return fmt.Sprintf("listen: {grpc: \"unix://%s/authz.sock\", admin: \"unix://%s/admin.sock\", metrics: \"127.0.0.1:0\", drain: 10ms}\n", w.dir, w.dir)
}

// config is the usual file, with these lines in it besides.
func (w *world) config(more ...string) string {
	return w.listen() + "issuers:\n" + w.corp("") + strings.Join(more, "")
}

// write replaces the configuration file.
func (w *world) write(text string) {
	w.t.Helper()
	w.must(os.WriteFile(w.file+"~", []byte(text), 0o600))
	w.must(os.Rename(w.file+"~", w.file))
}

// token is a good one of the usual key.
func (w *world) token() string { return w.tokenOf(w.key, nil) }

func (w *world) tokenOf(key *devissuer.Key, more devissuer.Claims) string {
	return key.Token(w.claims().With(more))
}

func (w *world) claims() devissuer.Claims {
	return devissuer.StandardClaims(w.issuer.URL, "api", 30*time.Minute)
}

// guardRun is a service that runs in this process.
type guardRun struct {
	*world
	service *service
	log     *harness.Lines
	signals chan os.Signal
	done    chan error
}

// start runs this configuration until the test ends.
func (w *world) start(text string) *guardRun {
	w.t.Helper()
	w.write(text)
	return w.startFile()
}

// startFile runs the configuration file as it is.
func (w *world) startFile() *guardRun {
	w.t.Helper()
	g := &guardRun{world: w, log: harness.NewLines(), signals: make(chan os.Signal, 4), done: make(chan error, 1)}
	var err error
	if g.service, err = newService(context.Background(), w.file, w.with, slog.New(slog.NewJSONHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withUnits}))); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.done <- g.service.run(g.signals)
	}()
	w.t.Cleanup(func() {
		select {
		case <-ended:
			return
		default:
		}
		g.signals <- syscall.SIGTERM
		g.signals <- syscall.SIGTERM
		<-ended
	})
	return g
}

// startReady is start, and waits until it is ready.
func (w *world) startReady(text string) *guardRun {
	w.t.Helper()
	g := w.start(text)
	g.event(0, `"msg":"ready"`)
	return g
}

// event waits for a line of the log, from a line on, that holds all of these.
func (g *guardRun) event(from int, parts ...string) (line string, next int) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	line, next, err := g.log.Next(ctx, from, func(line string) bool {
		for _, p := range parts {
			if !strings.Contains(line, p) {
				return false
			}
		}
		return true
	})
	if err != nil {
		g.t.Fatalf("no line with %q in the log:\n%s", parts, g.log)
	}
	return line, next
}

// reload sends SIGHUP and waits for its end, however it ends.
func (g *guardRun) reload() string {
	g.t.Helper()
	from := g.log.Len()
	g.signals <- syscall.SIGHUP
	line, _ := g.event(from, `"msg":"config_reload`, `"why":"SIGHUP"`)
	return line
}

// stop sends SIGTERM and waits for the end.
func (g *guardRun) stop() error {
	g.t.Helper()
	g.signals <- syscall.SIGTERM
	return g.wait()
}

func (g *guardRun) wait() error {
	g.t.Helper()
	select {
	case err := <-g.done:
		return err
	case <-time.After(patienceOfTests):
		g.t.Fatalf("it does not end:\n%s", g.log)
		return nil
	}
}

// envoy is a connection to an ext_authz listener, as Envoy has one.
type envoy struct {
	t testing.TB
	*grpc.ClientConn
}

// dial connects to an address as net.Dial takes it, or with other credentials.
func dial(t testing.TB, network, address string, options ...grpc.DialOption) envoy {
	t.Helper()
	if len(options) == 0 {
		options = []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	}
	options = append(options, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}))
	conn, err := grpc.NewClient("passthrough:///jwtguard.internal", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return envoy{t, conn}
}

func (g *guardRun) envoy() envoy {
	g.t.Helper()
	return dial(g.t, "unix", g.path("authz.sock"))
}

// verdict is what matters of an answer.
type verdict struct {
	Reason string
	Status int // 200 if it passes
	Policy string
}

// check asks about a request with this token; extensions are pairs.
func (e envoy) check(token string, extensions ...string) (verdict, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	r, err := authv3.NewAuthorizationClient(e).Check(ctx, request(token, extensions...))
	if err != nil {
		return verdict{}, err
	}
	v := verdict{
		Reason: r.GetDynamicMetadata().GetFields()["reason"].GetStringValue(),
		Policy: r.GetDynamicMetadata().GetFields()["policy"].GetStringValue(),
		Status: http.StatusOK,
	}
	if r.GetStatus().GetCode() != 0 {
		v.Status = int(r.GetDeniedResponse().GetStatus().GetCode())
	}
	return v, nil
}

func request(token string, extensions ...string) *authv3.CheckRequest {
	more := map[string]string{}
	for i := 0; i+1 < len(extensions); i += 2 {
		more[extensions[i]] = extensions[i+1]
	}
	headers := &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", RawValue: []byte("Bearer " + token)}}}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		ContextExtensions: more,
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/", Host: "example.com", HeaderMap: headers,
		}},
	}}
}

// gets wants an answer with this reason.
func (e envoy) gets(token, reason string, extensions ...string) {
	e.t.Helper()
	v, err := e.check(token, extensions...)
	if err != nil {
		e.t.Fatal(err)
	}
	if v.Reason != reason {
		e.t.Errorf("reason %s (%d), want %s", v.Reason, v.Status, reason)
	}
}

// health is what grpc.health.v1 says.
func (e envoy) health(service string) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	r, err := grpc_health_v1.NewHealthClient(e).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	return r.GetStatus(), err
}

// metrics is the address of the metrics listener.
func (g *guardRun) metrics() string { return g.service.http[len(g.service.http)-1].at() }

// http asks the admin listener (unix) or the metrics listener (tcp).
func (g *guardRun) http(network, path string) (status int, body string) {
	g.t.Helper()
	address := g.metrics()
	if network == "unix" {
		address = g.path("admin.sock")
	}
	client := &http.Client{Timeout: patienceOfTests, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	resp, err := client.Get("http://guard" + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// object reads a JSON object.
func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}
