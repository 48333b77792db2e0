package main

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Both private listeners show what was decided, and by which key.
func TestMetricsAreScrapedAtBothListeners(t *testing.T) {
	w := newWorld(t)
	g := w.startReady(w.config("state_dir: " + w.path("state") + "\n"))
	g.envoy().gets(w.token(), "ok")
	g.envoy().gets("nonsense", "token_malformed")
	w.write("nonsense")
	g.event(0, "config_reload_failed")
	for _, network := range []string{"unix", "tcp"} {
		status, text := g.http(network, "/metrics")
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", network, status, text)
		}
		for _, row := range []string{
			`jwtguard_validations_total{alg="ES256",decision="allow",issuer="corp",key_state="active",kid="`,
			`jwtguard_decisions_total{decision="deny",policy="default",reason="token_malformed"} 1`,
			`jwtguard_jwks_refreshes_total{issuer="corp",result="ok"} 1`,
			`jwtguard_config_reloads_total{result="error"} 1`,
			`jwtguard_ledger_errors_total 0`, `jwtguard_ledger_sequence `, `jwtguard_build_info{commit="`,
		} {
			if !strings.Contains(text, "\n"+row) {
				t.Errorf("%s: %s is missing in\n%s", network, row, text)
			}
		}
	}
	w.must(g.stop())
}

// A check is a child of the span that Envoy names in the metadata of its call. The
// traceparent among the request's headers is the client's, who could hide in
// somebody else's trace.
func TestSpansAreChildrenOfEnvoysSpan(t *testing.T) {
	const envoys, clients = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
	var mu sync.Mutex
	parents := map[string]string{} // of each trace, the parent of the check in it
	collector := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var m coltrace.ExportTraceServiceRequest
		if r.URL.Path != "/v1/traces" || err != nil || proto.Unmarshal(b, &m) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, s := range m.ResourceSpans[0].ScopeSpans[0].Spans {
			if s.Name == "jwtguard.check" {
				parents[hex.EncodeToString(s.TraceId)] = hex.EncodeToString(s.ParentSpanId)
			}
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	w := newWorld(t)
	g := w.startReady(w.config())
	q := request(w.token())
	headers := q.Attributes.Request.Http.HeaderMap
	headers.Headers = append(headers.Headers, &corev3.HeaderValue{Key: "traceparent", RawValue: []byte("00-" + clients + "-b7ad6b7169203331-01")})
	ctx, cancel := context.WithTimeout(t.Context(), patienceOfTests)
	defer cancel()
	client := authv3.NewAuthorizationClient(g.envoy())
	for _, ctx := range []context.Context{ctx, metadata.AppendToOutgoingContext(ctx, "traceparent", "00-"+envoys+"-00f067aa0ba902b7-01")} {
		if _, err := client.Check(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	w.must(g.stop()) // what was not pushed yet is pushed now
	mu.Lock()
	defer mu.Unlock()
	if len(parents) != 2 || parents[envoys] != "00f067aa0ba902b7" || parents[clients] != "" {
		t.Errorf("parents of the checks by their traces: %v", parents)
	}
}

// A mistake in the environment is one of the configuration: it shows at the start.
func TestWrongTelemetryEnvironmentIsRefusedAtTheStart(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
	w := newWorld(t)
	w.write(w.config())
	var out, says strings.Builder
	if code := runServe([]string{"-c", w.file}, &out, &says); code != exitUsage || !strings.Contains(says.String(), "OTEL_EXPORTER_OTLP_ENDPOINT: not a URL") {
		t.Errorf("%d: %s", code, says.String())
	}
}
