package telemetry

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// environment is what the OTEL_* variables ask for, as far as the SDK does not
// read them by itself: OpenTelemetry specification, "Environment Variable
// Specification" and "OTLP Exporter Configuration".
type environment struct {
	traces, metrics string // the protocol by which each is pushed; empty: it is not

	parentDecides bool // a span is sampled as its parent is, if it has one

	queue             int // spans that wait to be pushed
	interval, timeout time.Duration
}

// The protocols of OTLP that are spoken.
const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

func readEnvironment() (environment, error) {
	var e environment
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return e, nil
	}
	sampler := strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER")))
	e.parentDecides = sampler == "" || strings.HasPrefix(sampler, "parentbased_")
	var err error
	if e.traces, err = protocol("TRACES"); err != nil {
		return e, err
	}
	if e.metrics, err = protocol("METRICS", "prometheus"); err != nil { // which is there in any case
		return e, err
	}
	milliseconds := func(name string, n int) (d time.Duration) {
		if err == nil {
			n, err = positive(name, n)
		}
		return time.Duration(n) * time.Millisecond
	}
	e.interval = milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000)
	e.timeout = milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", 30_000)
	if err == nil {
		e.queue, err = positive("OTEL_BSP_MAX_QUEUE_SIZE", 2048)
	}
	return e, err
}

// protocol finds out how a signal is pushed; empty if it is not.
func protocol(signal string, ours ...string) (string, error) {
	name, endpoint := first("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" {
		return "", nil
	}
	wanted := false
	for _, x := range strings.Split(os.Getenv("OTEL_"+signal+"_EXPORTER"), ",") {
		switch x = strings.TrimSpace(x); {
		case x == "" || x == "otlp":
			wanted = true
		case x != "none" && !slices.Contains(ours, x):
			return "", fmt.Errorf("OTEL_%s_EXPORTER: %q is not known here: write otlp or none", signal, x)
		}
	}
	if !wanted {
		return "", nil
	}
	// Its text is not repeated: it may hold a password.
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%s: not a URL of http or https: write it like http://collector:4318", name)
	}
	name, p := first("OTEL_EXPORTER_OTLP_"+signal+"_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
	switch p {
	case "":
		return protocolHTTP, nil
	case protocolGRPC, protocolHTTP:
		return p, nil
	}
	return "", fmt.Errorf("%s: %q is not spoken here: write %s or %s", name, p, protocolGRPC, protocolHTTP)
}

// first is the first variable that is set.
func first(names ...string) (name, value string) {
	for _, name := range names {
		if v := strings.TrimSpace(os.Getenv(name)); v != "" {
			return name, v
		}
	}
	return "", ""
}

func positive(name string, unset int) (int, error) {
	v := strings.TrimSpace(os.Getenv(name))
	if v == "" {
		return unset, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 || n > 1<<30 {
		return 0, fmt.Errorf("%s: %q is not a positive number: leave it out for %d", name, v, unset)
	}
	return n, nil
}
