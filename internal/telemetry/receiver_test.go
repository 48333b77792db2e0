package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// receiver is a collector that keeps what it gets.
type receiver struct {
	coltrace.UnimplementedTraceServiceServer
	colmetrics.UnimplementedMetricsServiceServer

	came chan<- struct{} // nil, or hears of each push of metrics

	mu      sync.Mutex
	raw     bytes.Buffer
	traces  []*coltrace.ExportTraceServiceRequest
	metrics []*colmetrics.ExportMetricsServiceRequest
}

// metricsReceiver takes the other one of two methods of the same name.
type metricsReceiver struct {
	colmetrics.UnimplementedMetricsServiceServer
	*receiver
}

func (r *receiver) Export(_ context.Context, m *coltrace.ExportTraceServiceRequest) (*coltrace.ExportTraceServiceResponse, error) {
	r.keep(m)
	return &coltrace.ExportTraceServiceResponse{}, nil
}

func (r metricsReceiver) Export(_ context.Context, m *colmetrics.ExportMetricsServiceRequest) (*colmetrics.ExportMetricsServiceResponse, error) {
	r.keep(m)
	return &colmetrics.ExportMetricsServiceResponse{}, nil
}

func (r *receiver) keep(m proto.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, _ := proto.Marshal(m)
	r.raw.Write(b)
	switch m := m.(type) {
	case *coltrace.ExportTraceServiceRequest:
		r.traces = append(r.traces, m)
	case *colmetrics.ExportMetricsServiceRequest:
		r.metrics = append(r.metrics, m)
		select {
		case r.came <- struct{}{}:
		default:
		}
	}
}

// ServeHTTP takes OTLP over HTTP.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body := io.Reader(q.Body)
	if q.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	var m proto.Message = new(coltrace.ExportTraceServiceRequest)
	if q.URL.Path == "/v1/metrics" {
		m = new(colmetrics.ExportMetricsServiceRequest)
	}
	if err == nil {
		err = proto.Unmarshal(b, m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.keep(m)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// spans are all that came.
func (r *receiver) spans() (all []*tracepb.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.traces {
		for _, rs := range m.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				all = append(all, ss.Spans...)
			}
		}
	}
	return all
}

// names are the metrics of the last push, with their units.
func (r *receiver) names() map[string]*metricspb.Metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]*metricspb.Metric{}
	if len(r.metrics) == 0 {
		return all
	}
	for _, rm := range r.metrics[len(r.metrics)-1].ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				all[m.Name] = m
			}
		}
	}
	return all
}

// receiveHTTP has the environment name a collector.
func receiveHTTP(t *testing.T) *receiver {
	r := &receiver{}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
	return r
}

func receiveGRPC(t *testing.T) *receiver {
	r := &receiver{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	coltrace.RegisterTraceServiceServer(s, r)
	colmetrics.RegisterMetricsServiceServer(s, metricsReceiver{receiver: r})
	go func() { _ = s.Serve(l) }() // until Stop
	t.Cleanup(s.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	return r
}

// push runs the pushes; what it gives ends them, the rest included.
func (w *world) push() (flush func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	if w.Telemetry.spans != nil {
		<-w.Telemetry.spans.open
	}
	return func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}
