package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A collector that hangs, and then refuses, holds nobody up: what is under way is
// bounded, the rest is counted as lost, and one line says so.
func TestCollectorThatHangsHoldsNobodyUp(t *testing.T) {
	const room, n = 16, 1000
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "traces") {
			once.Do(func() { close(arrived) })
			<-release
		}
		http.Error(w, "no", http.StatusBadRequest)
	}))
	defer s.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	w := newWorld(t)
	flush := w.push()
	w.use1(t)
	<-arrived
	for range n - 1 {
		w.use1(t) // would hang here
	}
	push := w.Telemetry.spans.push
	if under, dropped := push.underWay.Load(), push.dropped.Load(); under != room || dropped != n-room {
		t.Errorf("%d spans are under way, %d were dropped", under, dropped)
	}
	if n := sum(t, w.scrape(""), "jwtguard_validations_total"); n != 1000 {
		t.Errorf("%d checks are counted: attribution must not depend on spans", n)
	}
	close(release)
	flush()
	if under := push.underWay.Load(); under != 0 {
		t.Errorf("%d spans are still under way", under)
	}
	for signal, says := range map[string]string{"traces": `"lost":98`, "metrics": `"error":"`} {
		var lines []string
		for line := range strings.Lines(w.log()) {
			if strings.Contains(line, "otlp_push_failed") && strings.Contains(line, `"signal":"`+signal+`"`) {
				lines = append(lines, line)
			}
		}
		if len(lines) != 1 || !strings.Contains(lines[0], says) {
			t.Errorf("%s: %v", signal, lines)
		}
	}
}

// Nor does one that is not there, or whose answer does not end.
func TestCollectorThatIsDownOrFloods(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	var flooded atomic.Int64
	flood := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		for block := make([]byte, 1<<16); flooded.Load() < 1<<30; flooded.Add(int64(len(block))) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	defer flood.Close()
	for _, tt := range []struct{ name, url, protocol string }{
		{"down", gone.URL, "http/protobuf"}, {"down", gone.URL, "grpc"}, {"floods", flood.URL, "http/protobuf"},
	} {
		t.Run(tt.name+" "+tt.protocol, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", tt.url)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", tt.protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
			w := newWorld(t)
			flush := w.push()
			w.use1(t)
			flush()
			if n := strings.Count(w.log(), "otlp_push_failed"); n != 2 {
				t.Errorf("%d lines:\n%s", n, w.log())
			}
		})
	}
	if n := flooded.Load(); n > 256<<20 {
		t.Errorf("%d bytes of an answer were read", n)
	}
}

// An outage is a line at its beginning, a reminder now and then, and one at its end,
// which says how much is missing.
func TestOutageIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := outage{log: w.cfg().Log, signal: "traces"}
		for i, step := range []struct {
			after time.Duration
			err   error
			lost  uint64
			says  string // part of the new line; empty: there is none
		}{
			{0, nil, 0, ""},
			{time.Second, http.ErrServerClosed, 2, `otlp_push_failed","signal":"traces","lost":2,"error":"http: Server closed"`},
			{time.Second, http.ErrServerClosed, 3, ""},
			{remind, http.ErrServerClosed, 4, `otlp_push_failed","signal":"traces","lost":7,`},
			{time.Second, http.ErrServerClosed, 1, ""},
			{time.Second, nil, 0, `otlp_push_works","signal":"traces","lost":1}`},
			{time.Second, nil, 0, ""},
			{time.Second, nil, 5, ""},
			{remind, nil, 5, `otlp_push_slow","signal":"traces","lost":10,`},
			{time.Second, http.ErrServerClosed, 0, `otlp_push_failed","signal":"traces","error"`},
		} {
			time.Sleep(step.after)
			before := w.log()
			o.note(step.err, step.lost)
			if line := strings.TrimPrefix(w.log(), before); (line == "") != (step.says == "") || !strings.Contains(line, step.says) {
				t.Errorf("step %d: %q, expected %q", i, line, step.says)
			}
		}
	})
}

func TestForeignTextIsOneLineAndShort(t *testing.T) {
	if got := printable("a\nb\x1b" + strings.Repeat("ä", maxText)); strings.ContainsAny(got, "\n\x1bä") || len(got) > maxText+3 {
		t.Errorf("%q", got)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		l := newThrottled(w.cfg().Log)
		for range 100 {
			l.warn("told")
		}
		time.Sleep(remind)
		l.warn("told")
		if n := strings.Count(w.log(), `"told"`); n != 4 || !strings.Contains(w.log(), `"not_logged":97`) {
			t.Errorf("%d lines\n%s", n, w.log())
		}
	})
}

func (w *world) cfg() Config { return w.Telemetry.metrics.cfg }
