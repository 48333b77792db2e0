package telemetry

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// What the OTEL_* variables ask for.
func TestEnvironment(t *testing.T) {
	const endpoint, traces, metrics = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
	const url = "http://collector:4318"
	type vars map[string]string
	for _, tt := range []struct {
		name            string
		env             vars
		traces, metrics string
		err             string
	}{
		{"nothing", nil, "", "", ""},
		{"an endpoint", vars{endpoint: url}, "http/protobuf", "http/protobuf", ""},
		{"grpc", vars{endpoint: url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc", "grpc", ""},
		{"each its own", vars{endpoint: url, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "grpc", "http/protobuf", ""},
		{"traces alone", vars{traces: url}, "http/protobuf", "", ""},
		{"metrics alone", vars{metrics: "https://collector/v1/metrics"}, "", "http/protobuf", ""},
		{"no exporter", vars{endpoint: url, "OTEL_TRACES_EXPORTER": "none"}, "", "http/protobuf", ""},
		{"the exporter that is there anyway", vars{endpoint: url, "OTEL_METRICS_EXPORTER": "prometheus"}, "http/protobuf", "", ""},
		{"two exporters", vars{endpoint: url, "OTEL_METRICS_EXPORTER": "prometheus, otlp"}, "http/protobuf", "http/protobuf", ""},
		{"an exporter, and no endpoint", vars{"OTEL_TRACES_EXPORTER": "otlp"}, "", "", ""},
		{"switched off", vars{endpoint: "nonsense", "OTEL_SDK_DISABLED": "TRUE"}, "", "", ""},
		{"no URL", vars{endpoint: "collector:4317"}, "", "", "OTEL_EXPORTER_OTLP_ENDPOINT: not a URL of http or https: write it like http://collector:4318"},
		{"no host", vars{metrics: "http:///v1"}, "", "", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: not a URL of http or https: write it like http://collector:4318"},
		{"a password is not repeated", vars{endpoint: "ftp://u:secret@collector"}, "", "", "OTEL_EXPORTER_OTLP_ENDPOINT: not a URL of http or https: write it like http://collector:4318"},
		{"an unknown protocol", vars{endpoint: url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "", "", `OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" is not spoken here: write grpc or http/protobuf`},
		{"an unknown exporter", vars{endpoint: url, "OTEL_TRACES_EXPORTER": "zipkin"}, "", "", `OTEL_TRACES_EXPORTER: "zipkin" is not known here: write otlp or none`},
		{"no number", vars{"OTEL_METRIC_EXPORT_INTERVAL": "1m"}, "", "", `OTEL_METRIC_EXPORT_INTERVAL: "1m" is not a positive number: leave it out for 60000`},
		{"a sampler that is not known", vars{traces: url, "OTEL_TRACES_SAMPLER": "bogus"}, "", "", `OTEL_TRACES_SAMPLER: "bogus" is not known here: write one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio`},
		{"a sampler that is not used", vars{metrics: url, "OTEL_TRACES_SAMPLER": "bogus"}, "", "http/protobuf", ""},
		{"a share", vars{traces: url, "OTEL_TRACES_SAMPLER": " TraceIDRatio ", "OTEL_TRACES_SAMPLER_ARG": " 0.01 "}, "http/protobuf", "", ""},
		{"a share that is no number", vars{traces: url, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "abc"}, "", "", `OTEL_TRACES_SAMPLER_ARG: "abc" is not a share of the traces: write a number from 0 to 1, such as 0.01`},
		{"a share beyond all", vars{traces: url, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.01"}, "", "", `OTEL_TRACES_SAMPLER_ARG: "1.01" is not a share of the traces: write a number from 0 to 1, such as 0.01`},
		{"no share at all", vars{traces: url, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "NaN"}, "", "", `OTEL_TRACES_SAMPLER_ARG: "NaN" is not a share of the traces: write a number from 0 to 1, such as 0.01`},
		{"an argument that the sampler does not take", vars{traces: url, "OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "abc"}, "http/protobuf", "", ""},
		{"a timeout with a unit", vars{metrics: url, "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, "", "", `OTEL_EXPORTER_OTLP_TIMEOUT: "10s" is not a positive number: leave it out for 10000`},
		{"a timeout of traces", vars{traces: url, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "x"}, "", "", `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "x" is not a positive number: leave it out for 10000`},
		{"a timeout of metrics", vars{endpoint: url, "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "-1"}, "", "", `OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "-1" is not a positive number: leave it out for 10000`},
		{"timeouts that are not used", vars{traces: url, "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "x", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "500"}, "http/protobuf", "", ""},
		{"no room", vars{"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "", "", `OTEL_BSP_MAX_QUEUE_SIZE: "0" is not a positive number: leave it out for 2048`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			e, err := readEnvironment()
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.err {
				t.Fatalf("%q, expected %q", got, tt.err)
			}
			if err == nil && (e.traces != tt.traces || e.metrics != tt.metrics) {
				t.Errorf("traces by %q, metrics by %q", e.traces, e.metrics)
			}
		})
	}
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "1500")
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	e, err := readEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	want := environment{queue: 2048, interval: 1500 * time.Millisecond, timeout: 30 * time.Second}
	if diff := cmp.Diff(want, e, cmp.AllowUnexported(environment{})); diff != "" {
		t.Error(diff)
	}
}

func TestWrongConfigurationIsRefused(t *testing.T) {
	complete := Config{Log: slog.New(slog.DiscardHandler), Issuers: func() ([]Issuer, keyset.Instant) { return nil, keyset.Instant{} }}
	for _, tt := range []struct {
		name, variable, value string
		cfg                   Config
		err                   string
	}{
		{"nothing", "", "", Config{}, "telemetry: Log and Issuers are required"},
		{"an endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "x", complete, "OTEL_EXPORTER_OTLP_ENDPOINT: not a URL of http or https: write it like http://collector:4318"},
		{"resource attributes", "OTEL_RESOURCE_ATTRIBUTES", "x", complete, "OTEL_RESOURCE_ATTRIBUTES: error detecting resource: partial resource: missing value: [x]; write name=value,name=value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.variable != "" {
				t.Setenv(tt.variable, tt.value)
			}
			if _, err := New(tt.cfg); err == nil || err.Error() != tt.err {
				t.Errorf("%v", err)
			}
		})
	}
}

// Metrics are pushed at the interval, and once more at the end.
func TestMetricsArePushedAtAnInterval(t *testing.T) {
	r := receiveHTTP(t)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "1")
	w := newWorld(t)
	came := make(chan struct{}, 1)
	r.came = came
	flush := w.push()
	for range 3 {
		<-came
	}
	flush()
}
