package telemetry

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// durationBounds are those of a check, in seconds. A warm check takes some tens of
// microseconds, a signature a hundred or more; 200 ms is Envoy's default deadline.
var durationBounds = []float64{
	10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6,
	1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 200e-3, 500e-3, 1,
}

// lifetimeBounds are those of a token's life, in seconds: from a minute to a month,
// at the lifetimes that issuers usually give.
var lifetimeBounds = []float64{
	60, 300, 600, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600,
}

// exemplars are, for each bucket, the newest check that was sampled for a trace.
type exemplars [mostBuckets]atomic.Pointer[metricdata.Exemplar[float64]]

// keep makes a check the exemplar of its bucket.
func (e *exemplars) keep(span trace.SpanContext, bucket int, seconds float64) {
	id, of := span.TraceID(), span.SpanID()
	e[bucket].Store(&metricdata.Exemplar[float64]{Time: time.Now(), Value: seconds, TraceID: id[:], SpanID: of[:]})
}

// distributions shows the histograms to one reader of the SDK, which takes them as
// they are: their buckets do not depend on the environment.
type distributions struct {
	metrics *metrics
	start   time.Time // since when is counted
	delta   bool      // only what came after the last reading is shown

	mu     sync.Mutex
	before map[attribute.Distinct]reading // by mu: the last reading, if delta
	looked time.Time                      // by mu: when that was; zero if there was none
}

// Produce makes a reading. The error is always nil.
func (d *distributions) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	durations, lifetimes := d.histogram(), d.histogram()
	for _, v := range [...]verify.Verdict{verify.Allow, verify.Deny, verify.ShadowDeny} {
		if p, ok := d.point(attribute.String("decision", v.String()), durationBounds, d.metrics.street.durations(v), now); ok {
			p.Exemplars = d.exemplars(d.metrics.exemplars.at(v))
			durations.DataPoints = append(durations.DataPoints, p)
		}
	}
	for issuer, h := range d.metrics.counts.lifetimes.all() {
		var r reading
		r.read(h)
		if p, ok := d.point(attribute.String("issuer", issuer), lifetimeBounds, r, now); ok {
			lifetimes.DataPoints = append(lifetimes.DataPoints, p)
		}
	}
	d.looked = now
	metrics := []metricdata.Metrics{
		{Name: prefix + "check_duration", Unit: "s", Description: "Time from a check's arrival to its answer.", Data: durations},
		{Name: prefix + "token_lifetime", Unit: "s", Description: "exp - iat of accepted tokens.", Data: lifetimes},
	}
	metrics = slices.DeleteFunc(metrics, func(m metricdata.Metrics) bool { // the SDK pushes none without rows, either
		return len(m.Data.(metricdata.Histogram[float64]).DataPoints) == 0
	})
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: scope}, Metrics: metrics}}, nil
}

func (d *distributions) histogram() metricdata.Histogram[float64] {
	if d.delta {
		return metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality}
	}
	return metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
}

// point is a row; ok is false while there is nothing to show.
func (d *distributions) point(label attribute.KeyValue, bounds []float64, r reading, now time.Time) (p metricdata.HistogramDataPoint[float64], ok bool) {
	row, start := attribute.NewSet(label), d.start
	all := r
	if d.delta {
		r = r.since(d.before[row.Equivalent()])
		if !d.looked.IsZero() {
			start = d.looked
		}
	}
	n := r.count()
	if d.delta && n > 0 { // else the sum may have more of what was counted before: it is shown with the next row
		d.before[row.Equivalent()] = all
	}
	return metricdata.HistogramDataPoint[float64]{
		Attributes: row, StartTime: start, Time: now,
		Count: n, Sum: r.sum, Bounds: bounds, BucketCounts: r.buckets[:len(bounds)+1],
	}, n > 0
}

// exemplars are those that this reader has not seen.
func (d *distributions) exemplars(of *exemplars) (all []metricdata.Exemplar[float64]) {
	for i := range of {
		if e := of[i].Load(); e != nil && (!d.delta || e.Time.After(d.looked)) {
			all = append(all, *e)
		}
	}
	return all
}
