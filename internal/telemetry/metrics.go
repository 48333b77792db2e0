package telemetry

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/keyset"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// scope is the name of the instrumentation, for OTLP.
const scope = "github.com/jwtguard/jwtguard"

// metrics are counted here and read by scrapes and pushes.
type metrics struct {
	*instruments
	cfg     Config
	handler http.Handler

	counts    counts
	anomalies shelf[[len(anomalies)]atomic.Uint64]
	refreshes shelf[[refreshResults]atomic.Uint64]
	reloads   struct{ ok, failed atomic.Uint64 }
	street    street
	exemplars verdicts[exemplars] // of the durations
}

// newMetrics makes the metrics, for scrapes and, unless it is nil, for p.
func newMetrics(cfg Config, about *resource.Resource, p *push) (*metrics, error) {
	m := &metrics{cfg: cfg}
	scraped, handler, err := newScrape(cfg.Log, m.distributions(false))
	if err != nil {
		return nil, err
	}
	m.handler = handler
	readers := []sdk.Reader{scraped}
	if p != nil {
		readers = append(readers, p.read(m))
	}
	// Without a limit: the SDK would fold real keys beyond it into one row. What
	// bounds the rows is said at counts.
	options := []sdk.Option{sdk.WithResource(about), sdk.WithCardinalityLimit(0)}
	for _, r := range readers {
		options = append(options, sdk.WithReader(r))
	}
	meter := sdk.NewMeterProvider(options...).Meter(scope)
	instruments, observable, err := newInstruments(meter, cfg.Ledger != nil)
	if err != nil {
		return nil, err
	}
	m.instruments = instruments
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		(&collection{metrics: m, Observer: o}).run()
		return nil
	}, observable...)
	return m, err
}

// labels makes a label set of names and values.
func labels(pairs ...string) metric.MeasurementOption {
	all := make([]attribute.KeyValue, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, attribute.String(pairs[i], pairs[i+1]))
	}
	return metric.WithAttributeSet(attribute.NewSet(all...))
}

// distributions shows the histograms to a reader: all that was counted, or what was
// since its last reading.
func (m *metrics) distributions(delta bool) *distributions {
	return &distributions{metrics: m, start: time.Now(), delta: delta, before: map[attribute.Distinct]reading{}}
}

// measured counts a decision among all of them. If it was sampled for a trace, span
// is that of the check.
func (m *metrics) measured(span trace.SpanContext, d *verify.Decision, elapsed time.Duration) {
	seconds := elapsed.Seconds()
	l := m.street.enter()
	if d.Cache != verify.NoCache {
		l.cacheUses[min(d.Cache, verify.CacheHit)].Add(1)
	}
	bucket := l.durations.at(d.Verdict).observe(durationBounds, seconds)
	m.street.leave(l)
	if span.IsSampled() {
		m.exemplars.at(d.Verdict).keep(span, bucket, seconds)
	}
}

// anomalies lists every anomaly, in the order of their declaration.
var anomalies = [...]keyset.Anomaly{
	keyset.RemovalReverted, keyset.RetiredKeyReturned, keyset.PrivateKeyPublished, keyset.KidReused,
	keyset.KidAmbiguous, keyset.MassRemoval, keyset.RecordsFull, keyset.ClockStep,
}

func (m *metrics) recorded(issuer string, events []keyset.Event) {
	if issuer == "" {
		issuer = other // it concerns the guard
	}
	for _, e := range events {
		if i := slices.Index(anomalies[:], e.Anomaly); i >= 0 && e.Type == keyset.EventAnomaly {
			m.anomalies.get(issuer)[i].Add(1)
		}
	}
}

// refreshResults is how many there are; the compiler does not know, a test does.
const refreshResults = 8

func (m *metrics) fetched(f jwkscache.Fetch) {
	if i := slices.Index(jwkscache.Results(), f.Result); i >= 0 {
		m.refreshes.get(f.Issuer)[i].Add(1)
	}
}
