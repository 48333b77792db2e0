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
	sampler := strings.ToLower(strings.TrimSpace(os.Getenv(samplerVariable)))
	e.parentDecides = sampler == "" || strings.HasPrefix(sampler, "parentbased_")
	var err error
	if e.traces, err = protocol("TRACES"); err != nil {
		return e, err
	}
	if e.metrics, err = protocol("METRICS", "prometheus"); err != nil { // which is there in any case
		return e, err
	}
	if err := e.checkWhatTheSDKReads(sampler); err != nil {
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

// The variables that the SDK reads by itself. What it does not understand it would
// leave out, and say so in its own log.
const (
	samplerVariable = "OTEL_TRACES_SAMPLER"
	ratioVariable   = "OTEL_TRACES_SAMPLER_ARG"
)

var samplers = []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}

// checkWhatTheSDKReads refuses values that make no sense, of what is in use.
func (e *environment) checkWhatTheSDKReads(sampler string) error {
	if e.traces != "" && sampler != "" {
		if !slices.Contains(samplers, sampler) {
			return fmt.Errorf("%s: %q is not known here: write one of %s", samplerVariable, sampler, strings.Join(samplers, ", "))
		}
		if v := strings.TrimSpace(os.Getenv(ratioVariable)); v != "" && strings.HasSuffix(sampler, "traceidratio") {
			if ratio, err := strconv.ParseFloat(v, 64); err != nil || !(0 <= ratio && ratio <= 1) { // nor NaN
				return fmt.Errorf("%s: %q is not a share of the traces: write a number from 0 to 1, such as 0.01", ratioVariable, v)
			}
		}
	}
	for _, signal := range [...]struct{ name, protocol string }{{"", e.traces + e.metrics}, {"TRACES_", e.traces}, {"METRICS_", e.metrics}} {
		if signal.protocol == "" {
			continue
		}
		if _, err := positive("OTEL_EXPORTER_OTLP_"+signal.name+"TIMEOUT", 10_000); err != nil {
			return err
		}
	}
	return nil
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
