package telemetry

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/metric"
)

// maxScrapes is how many may be under way at once: two scrapers that are highly
// available, and somebody who looks. A scrape holds its rows in memory until the
// client has read them, or its connection's time is over.
const maxScrapes = 4

// newScrape makes the reader that scrapes read, and what serves them.
func newScrape(log *slog.Logger, beside sdk.Producer) (sdk.Reader, http.Handler, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo(), exporter.WithProducer(beside))
	if err != nil {
		return nil, nil, fmt.Errorf("telemetry: %w", err)
	}
	return reader, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: maxScrapes,
		ErrorHandling: promhttp.ContinueOnError, // one row that cannot be told must not hide the others
		ErrorLog:      scrapeLog{newThrottled(log)},
	}), nil
}

// scrapeLog tells what was left out of a scrape.
type scrapeLog struct{ *throttled }

func (l scrapeLog) Println(v ...any) {
	l.warn("metrics_incomplete", "error", printable(fmt.Sprint(v...)))
}
