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
	cacheUses [verify.CacheHit + 1]atomic.Uint64

	decided   verdicts[[]metric.RecordOption] // label sets of the duration, made beforehand
	lifetimes shelf[lifetimeLabels]           // and of the lifetime, by the issuer's name
}

// lifetimeLabels is a label set that is made at its first use.
type lifetimeLabels struct {
	atomic.Pointer[[]metric.RecordOption]
}

// newMetrics makes the metrics, for the given readers besides the scrapes.
func newMetrics(cfg Config, about *resource.Resource, readers ...sdk.Reader) (*metrics, error) {
	m := &metrics{cfg: cfg}
	scraped, handler, err := newScrape(cfg.Log)
	if err != nil {
		return nil, err
	}
	m.handler = handler
	// Without a limit: the SDK would fold real keys beyond it into one row. What
	// bounds the rows is said at counts.
	options := []sdk.Option{sdk.WithResource(about), sdk.WithCardinalityLimit(0)}
	for _, r := range append(readers, scraped) {
		options = append(options, sdk.WithReader(r))
	}
	meter := sdk.NewMeterProvider(options...).Meter(scope)
	instruments, observable, err := newInstruments(meter, cfg.Ledger != nil)
	if err != nil {
		return nil, err
	}
	m.instruments = instruments
	m.decided.each(func(v verify.Verdict, o *[]metric.RecordOption) {
		*o = []metric.RecordOption{labels("decision", v.String())}
	})
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

// measured takes the figures of a decision that are no counts. Where ctx has a
// sampled span, the SDK keeps it as an exemplar.
func (m *metrics) measured(ctx context.Context, d *verify.Decision, elapsed time.Duration) {
	m.duration.Record(ctx, elapsed.Seconds(), *m.decided.at(d.Verdict)...)
	if !d.OK() || d.Issued.IsZero() || d.Issuer == nil {
		return
	}
	l := m.lifetimes.get(d.Issuer.Name)
	o := l.Load()
	if o == nil {
		o = &[]metric.RecordOption{labels("issuer", d.Issuer.Name)}
		l.Store(o)
	}
	m.lifetime.Record(context.Background(), max(0, d.Expires.Sub(d.Issued)).Seconds(), *o...)
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
