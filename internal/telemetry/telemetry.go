package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// Issuer is what a scrape needs to know about one issuer of the configuration.
type Issuer struct {
	Name        string
	Set         *keyset.Set
	LastSuccess time.Time // of a fetch, by the wall clock; zero: none since the start
	Skew        time.Duration
	MaxLifetime time.Duration // 0: unbounded
	Recording   time.Time     // lifecycle time since when every use was counted
}

// Config is what a Telemetry is made of.
type Config struct {
	Log *slog.Logger // required
	// Issuers are all issuers of the configuration, and the instant by which to
	// judge their keys. Required; called at each scrape, and not before the first one.
	Issuers func() ([]Issuer, keyset.Instant)
	// Ledger gives the sequence of its last line, and how many writes went wrong
	// since the start. Nil: there is no ledger.
	Ledger func() (sequence, errors uint64)
	// TokenCache measures the token cache; ok is false while there is none. Nil: there
	// never is one.
	TokenCache func() (size verify.CacheSize, ok bool)
	// Metadata gives the values of a name in the metadata of the gRPC call that ctx
	// belongs to. Nil: spans have no parents.
	Metadata func(ctx context.Context, name string) []string

	Guard   string // who this guard is
	Version string
	Commit  string // may be empty
}

// Telemetry observes a guard.
type Telemetry struct {
	log     *Log
	metrics *metrics
	spans   *spans // nil: they are not asked for
	push    *push  // nil: metrics are only scraped
}

// New makes a Telemetry. It starts nothing. Where spans and metrics are pushed to,
// besides the scrapes of [Telemetry.Handler], is read from the OTEL_* variables of
// the environment; an error names the one that is wrong.
func New(cfg Config) (*Telemetry, error) {
	if cfg.Log == nil || cfg.Issuers == nil {
		return nil, errors.New("telemetry: Log and Issuers are required")
	}
	env, err := readEnvironment()
	if err != nil {
		return nil, err
	}
	about, err := describe(cfg)
	if err != nil {
		return nil, err
	}
	useLog(cfg.Log)
	t := &Telemetry{log: NewLog(cfg.Log)}
	if env.metrics != "" {
		if t.push, err = newPush(env, cfg.Log); err != nil {
			return nil, err
		}
	}
	if env.traces != "" {
		if t.spans, err = newSpans(cfg, about, env); err != nil {
			return nil, err
		}
	}
	if t.metrics, err = newMetrics(cfg, about, t.push); err != nil {
		return nil, err
	}
	return t, nil
}

// describe is who we are, for OTLP. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
// win.
func describe(cfg Config) (*resource.Resource, error) {
	about, err := resource.New(context.Background(),
		resource.WithAttributes(
			attribute.String("service.name", "jwtguard"),
			attribute.String("service.version", cfg.Version),
			attribute.String("service.instance.id", cfg.Guard)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w; write name=value,name=value", err)
	}
	return about, nil
}

// Handler serves a scrape, as Prometheus text or as OpenMetrics.
func (t *Telemetry) Handler() http.Handler { return t.metrics.handler }

// Record tells what happened to the keys of an issuer; see [Log.Record].
func (t *Telemetry) Record(issuer string, events []keyset.Event) {
	t.log.Record(issuer, events)
	t.metrics.recorded(issuer, events)
}

// Fetched tells of a fetch of an issuer's keys; see [Log.Fetched].
func (t *Telemetry) Fetched(f jwkscache.Fetch) {
	t.log.Fetched(f)
	t.metrics.fetched(f)
	if t.spans != nil {
		t.spans.fetched(f)
	}
}

// Reloaded tells how a reload of the configuration ended.
func (t *Telemetry) Reloaded(err error) {
	if err != nil {
		t.metrics.reloads.failed.Add(1)
		return
	}
	t.metrics.reloads.ok.Add(1)
}

// Observe counts a decision, exactly once. It waits for nothing and, but for
// refusals and sampled spans, allocates nothing.
func (t *Telemetry) Observe(ctx context.Context, d *verify.Decision, elapsed time.Duration, requestID string) {
	t.log.Observe(ctx, d, elapsed, requestID)
	t.metrics.counts.count(d)
	var span trace.SpanContext
	if t.spans != nil {
		span = t.spans.check(ctx, d, elapsed)
	}
	t.metrics.measured(span, d, elapsed)
}
