package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spanPush sends spans to a collector. It stands at both ends of the SDK's queue:
// so it knows how many spans are under way, and lets no more in than there is room
// for. What finds no room is counted and forgotten; nobody waits.
type spanPush struct {
	exporter sdktrace.SpanExporter
	room     int64
	underWay atomic.Int64
	dropped  atomic.Uint64 // since the last push
	outage   outage        // of the queue's one goroutine
}

func newSpanPush(env environment, log *slog.Logger) (*spanPush, error) {
	var exporter sdktrace.SpanExporter
	var err error
	if env.traces == protocolGRPC {
		exporter, err = otlptracegrpc.New(context.Background())
	} else {
		exporter, err = otlptracehttp.New(context.Background())
	}
	if err != nil {
		return nil, fmt.Errorf("telemetry: push traces: %w", err)
	}
	return &spanPush{exporter: exporter, room: int64(env.queue), outage: outage{log: log, signal: "traces"}}, nil
}

// run pushes until ctx ends. Spans that were made before it began are lost.
func (s *spans) run(ctx context.Context) {
	queue := sdktrace.NewBatchSpanProcessor(exit{s.push}, sdktrace.WithMaxQueueSize(int(s.push.room)))
	s.provider.RegisterSpanProcessor(entrance{queue, s.push})
	close(s.open)
	<-ctx.Done()
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	if s.provider.Shutdown(rest) != nil {
		_ = s.push.exporter.Shutdown(rest) // ends a push that hangs
	}
}

// entrance is where spans come in.
type entrance struct {
	sdktrace.SpanProcessor
	*spanPush
}

// OnEnd never waits.
func (e entrance) OnEnd(s sdktrace.ReadOnlySpan) {
	if e.underWay.Add(1) > e.room {
		e.underWay.Add(-1)
		e.dropped.Add(1)
		return
	}
	e.SpanProcessor.OnEnd(s)
}

// exit is where they leave.
type exit struct{ *spanPush }

// ExportSpans always succeeds for the queue: a failure is told here.
func (e exit) ExportSpans(ctx context.Context, all []sdktrace.ReadOnlySpan) error {
	err := e.exporter.ExportSpans(ctx, all)
	lost := e.dropped.Swap(0)
	if err != nil {
		lost += uint64(len(all))
	}
	e.underWay.Add(-int64(len(all)))
	e.outage.note(err, lost)
	return nil
}

// Shutdown ends the exporter.
func (e exit) Shutdown(ctx context.Context) error { return e.exporter.Shutdown(ctx) }
