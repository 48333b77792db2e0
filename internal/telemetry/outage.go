package telemetry

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"golang.org/x/time/rate"
)

// remind is how often a log says that something still does not work.
const remind = 5 * time.Minute

// outage tells of pushes that do not arrive: when that begins, now and then, and
// when it ends. Whoever pushes owns it.
type outage struct {
	log     *slog.Logger
	signal  string
	failing bool
	told    time.Time
	lost    uint64 // since it was last told
}

// note takes the outcome of a push, and how much was lost since the one before.
func (o *outage) note(err error, lost uint64) {
	o.lost += lost
	recent := !o.told.IsZero() && time.Since(o.told) < remind
	attrs := []any{"signal", o.signal}
	if o.lost > 0 {
		attrs = append(attrs, "lost", o.lost)
	}
	switch {
	case err != nil && (!o.failing || !recent):
		o.log.Warn("otlp_push_failed", append(attrs, "error", printable(err.Error()),
			"message", "checks are not affected; see that the collector at OTEL_EXPORTER_OTLP_ENDPOINT is up and speaks OTEL_EXPORTER_OTLP_PROTOCOL")...)
	case err == nil && o.failing:
		o.log.Info("otlp_push_works", attrs...)
	case err == nil && o.lost > 0 && !recent:
		o.log.Warn("otlp_push_slow", append(attrs,
			"message", "the collector takes less than there is: sample less by OTEL_TRACES_SAMPLER, or raise OTEL_BSP_MAX_QUEUE_SIZE")...)
	default:
		o.failing = err != nil
		return
	}
	o.failing, o.told, o.lost = err != nil, time.Now(), 0
}

// throttled is a log for what others may cause at any rate.
type throttled struct {
	log     *slog.Logger
	limiter *rate.Limiter
	omitted atomic.Uint64
}

// newThrottled logs a line in each reminder's time, and a few at once.
func newThrottled(log *slog.Logger) *throttled {
	return &throttled{log: log, limiter: rate.NewLimiter(rate.Every(remind), 3)}
}

func (t *throttled) warn(message string, args ...any) {
	if !t.limiter.Allow() {
		t.omitted.Add(1)
		return
	}
	if n := t.omitted.Swap(0); n > 0 {
		args = append(args, "not_logged", n)
	}
	t.log.Warn(message, args...)
}

// useLog has the SDK write to the log. By itself it would write to standard error,
// and wait for it.
func useLog(log *slog.Logger) {
	errors := newThrottled(log)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		errors.warn("otel_error", "error", printable(err.Error()))
	}))
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
}

// maxText is where foreign text is cut: enough to tell the cause.
const maxText = 300

// printable gives foreign text as one line of ASCII.
func printable(s string) string {
	cut := ""
	if len(s) > maxText {
		s, cut = s[:maxText], "..."
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s) + cut
}
