package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// flushWithin bounds what stopping takes for what was not pushed yet: a collector
// that is down must not use up the time to stop.
const flushWithin = 2 * time.Second

// Run pushes by OTLP what the environment asks for, until ctx ends; then it pushes
// the rest. Its error is always nil: a collector that is down is a line in the log.
func (t *Telemetry) Run(ctx context.Context) error {
	var running sync.WaitGroup
	if t.push != nil {
		running.Go(func() { t.push.run(ctx) })
	}
	if t.spans != nil {
		running.Go(func() { t.spans.run(ctx) })
	}
	<-ctx.Done()
	running.Wait()
	return nil
}

// push sends all metrics to a collector, at an interval.
type push struct {
	reader            *sdk.ManualReader
	exporter          sdk.Exporter
	interval, timeout time.Duration
	outage            outage
}

func newPush(env environment, log *slog.Logger) (*push, error) {
	p := &push{interval: env.interval, timeout: env.timeout, outage: outage{log: log, signal: "metrics"}}
	var err error
	if env.metrics == protocolGRPC {
		p.exporter, err = otlpmetricgrpc.New(context.Background())
	} else {
		p.exporter, err = otlpmetrichttp.New(context.Background())
	}
	if err != nil {
		return nil, fmt.Errorf("telemetry: push metrics: %w", err)
	}
	return p, nil
}

// read makes the reader of what is pushed: counted since the start, or since the
// last push, as the environment asks for.
func (p *push) read(m *metrics) sdk.Reader {
	delta := p.exporter.Temporality(sdk.InstrumentKindHistogram) == metricdata.DeltaTemporality
	p.reader = sdk.NewManualReader(sdk.WithTemporalitySelector(p.exporter.Temporality), sdk.WithProducer(m.distributions(delta)))
	return p.reader
}

func (p *push) run(ctx context.Context) {
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.send(ctx, p.timeout)
			continue
		case <-ctx.Done():
		}
		rest := context.WithoutCancel(ctx)
		p.send(rest, min(p.timeout, flushWithin))
		rest, cancel := context.WithTimeout(rest, flushWithin)
		defer cancel()
		_ = p.exporter.Shutdown(rest) // nothing is left in it
		return
	}
}

func (p *push) send(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var all metricdata.ResourceMetrics
	err := p.reader.Collect(ctx, &all)
	if err == nil {
		err = p.exporter.Export(ctx, &all)
	}
	p.outage.note(err, 0)
}
