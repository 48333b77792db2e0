package telemetry

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/jwtguard/jwtguard/pkg/verify"
)

// A value at a bound belongs to the bucket of that bound, as in Prometheus (le).
func TestHistogramSortsValuesByTheirBounds(t *testing.T) {
	var h histogram
	bounds := []float64{1, 2, 5}
	for _, v := range []float64{0, 0.5, 1, 1.5, 2, 4, 5, 5.5, 1e9} {
		h.observe(bounds, v)
	}
	var r reading
	r.read(&h)
	if diff := cmp.Diff([]uint64{3, 2, 2, 2, 0}, r.buckets[:5]); diff != "" || r.count() != 9 || r.sum != 1e9+19.5 {
		t.Error(r.sum, r.count(), diff)
	}
}

// However many processors count, on whatever lanes, nothing is lost, and garbage
// collections do not make new lanes.
func TestNothingIsLostAmongLanes(t *testing.T) {
	const workers, each = 8, 5000
	var s street
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for range each {
				l := s.enter()
				l.cacheUses[verify.CacheHit].Add(1)
				l.durations.at(verify.Deny).observe(durationBounds, 0.25)
				s.leave(l)
			}
		})
	}
	working.Wait()
	r := s.durations(verify.Deny)
	if s.cacheUse(verify.CacheHit) != workers*each || r.count() != workers*each || r.sum != workers*each/4 || r.buckets[14] != workers*each {
		t.Error(s.cacheUse(verify.CacheHit), r)
	}
	if n := s.durations(verify.Allow).count(); n != 0 {
		t.Errorf("%d allows were counted", n)
	}
}

// A scrape shows all that was counted, again and again. What is pushed is counted
// since the start, or since the last push where the environment says so.
func TestHistogramsArePushedAsTheEnvironmentAsks(t *testing.T) {
	for preference, want := range map[string][2]string{
		"":           {"CUMULATIVE 2 allows, 1 in its bucket of 100 µs", "CUMULATIVE 3 allows, 2 in its bucket of 100 µs"},
		"cumulative": {"CUMULATIVE 2 allows, 1 in its bucket of 100 µs", "CUMULATIVE 3 allows, 2 in its bucket of 100 µs"},
		"delta":      {"DELTA 2 allows, 1 in its bucket of 100 µs", "DELTA 1 allows, 1 in its bucket of 100 µs"},
	} {
		t.Run(preference, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)
			r := receiveHTTP(t)
			w := newWorld(t)
			d := accepted(w)
			w.Observe(t.Context(), &d, 75*time.Microsecond, "")
			w.Observe(t.Context(), &d, 75*time.Millisecond, "")
			push := w.Telemetry.push
			push.send(t.Context(), time.Minute)
			first := durationsOf(r)
			w.Observe(t.Context(), &d, 75*time.Microsecond, "")
			push.send(t.Context(), time.Minute)
			if diff := cmp.Diff(want, [2]string{first, durationsOf(r)}); diff != "" {
				t.Error(diff)
			}
			for range 2 {
				if got := w.about("jwtguard_check_duration_seconds_count"); len(got) != 1 || !strings.HasSuffix(got[0], " 3") {
					t.Error(got)
				}
			}
			push.send(t.Context(), time.Minute)
			if _, pushed := r.names()["jwtguard.token_lifetime"]; pushed != (preference != "delta") {
				t.Errorf("nothing changed, and it is pushed again: %t", pushed)
			}
		})
	}
}

// durationsOf are those of the newest push.
func durationsOf(r *receiver) string {
	h := r.names()["jwtguard.check_duration"].GetHistogram()
	p := h.DataPoints[0]
	if p.StartTimeUnixNano == 0 || p.StartTimeUnixNano >= p.TimeUnixNano || p.GetSum() <= 0 {
		return fmt.Sprint("no time that it is of, or no sum: ", p)
	}
	return fmt.Sprintf("%s %d allows, %d in its bucket of 100 µs",
		strings.TrimPrefix(metricspb.AggregationTemporality_name[int32(h.AggregationTemporality)], "AGGREGATION_TEMPORALITY_"), p.Count, p.BucketCounts[3])
}

// A push that comes between the two halves of an observation shows the one, and the
// next push the other: nothing that was observed is missing in their sum.
func TestPushInTheMiddleOfAnObservationLosesNothing(t *testing.T) {
	w := newWorld(t)
	d := w.metrics.distributions(true)
	h := &w.metrics.street.all[0].durations[0]
	var n uint64
	var total float64
	push := func() {
		t.Helper()
		all, err := d.Produce(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all[0].Metrics {
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				n, total = n+p.Count, total+p.Sum
			}
		}
	}
	h.buckets[14].Add(1)
	push()
	h.sum.add(0.25)
	push()
	h.observe(durationBounds, 0.5)
	push()
	if n != 2 || total != 0.75 {
		t.Errorf("%d observations of %v s in sum, of 2 of 0.75 s", n, total)
	}
}
