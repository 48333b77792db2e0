package telemetry

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/jwtguard/jwtguard/pkg/jwkscache"
	"github.com/jwtguard/jwtguard/pkg/verify"
)

// spans makes a span of each check that is sampled, and of each fetch. They are
// made when all is over: a check has no part of its own that would be another span.
type spans struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	metadata func(ctx context.Context, name string) []string
	// parentDecides: a check whose parent is not sampled is not, and costs nothing
	// more than to find that out.
	parentDecides bool
	push          *spanPush
	open          chan struct{} // closed when the queue takes spans
}

func newSpans(cfg Config, about *resource.Resource, env environment) (*spans, error) {
	push, err := newSpanPush(env, cfg.Log)
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about)) // the sampler is the environment's
	return &spans{
		provider: provider, tracer: provider.Tracer(scope),
		metadata: cfg.Metadata, parentDecides: env.parentDecides, push: push,
		open: make(chan struct{}),
	}, nil
}

// check makes the span of a check that has just ended. It gives none unless it is
// sampled.
func (s *spans) check(ctx context.Context, d *verify.Decision, elapsed time.Duration) trace.SpanContext {
	parent := s.parent(ctx)
	if p := trace.SpanContextFromContext(parent); s.parentDecides && p.IsValid() && !p.IsSampled() {
		return trace.SpanContext{}
	}
	end := time.Now()
	_, span := s.tracer.Start(parent, "jwtguard.check",
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(end.Add(-elapsed)))
	if !span.IsRecording() {
		return trace.SpanContext{}
	}
	// A refusal is no error: the guard did what it is for.
	span.SetAttributes(attributes(d)...)
	span.End(trace.WithTimestamp(end))
	return span.SpanContext()
}

func attributes(d *verify.Decision) []attribute.KeyValue {
	all := []attribute.KeyValue{
		attribute.String("jwtguard.decision", d.Verdict.String()),
		attribute.String("jwtguard.reason", string(d.Reason)),
	}
	if d.Policy != nil {
		all = append(all, attribute.String("jwtguard.policy", d.Policy.Name))
	}
	if d.Issuer != nil {
		all = append(all, attribute.String("jwtguard.issuer", d.Issuer.Name))
	}
	if d.Key != nil {
		all = append(all, attribute.String("jwtguard.kid", d.Kid), attribute.String("jwtguard.thumbprint", d.Key.Thumbprint),
			attribute.String("jwtguard.key_state", d.State.String()), attribute.String("jwtguard.alg", d.Alg))
	}
	if d.Cache != verify.NoCache {
		all = append(all, attribute.Bool("jwtguard.token_cache.hit", d.Cache == verify.CacheHit))
	}
	return all
}

// fetched makes the span of a fetch. Nobody's request is its parent: many may have
// asked for it, or none.
func (s *spans) fetched(f jwkscache.Fetch) {
	_, span := s.tracer.Start(context.Background(), "jwtguard.jwks_refresh",
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(f.Start))
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("jwtguard.issuer", f.Issuer),
		attribute.String("jwtguard.jwks.cause", string(f.Cause)), attribute.String("jwtguard.jwks.result", string(f.Result)))
	if f.Err != nil {
		span.SetStatus(codes.Error, f.Err.Error())
	}
	span.End(trace.WithTimestamp(f.Start.Add(f.Took)))
}

// parent is the caller's span, by the metadata of its call: W3C Trace Context. What
// stands among the headers of the request is the client's, and nobody's parent.
func (s *spans) parent(ctx context.Context) context.Context {
	if s.metadata == nil {
		return context.Background()
	}
	return propagation.TraceContext{}.Extract(context.Background(), carrier{ctx, s.metadata})
}

// carrier reads the metadata of a call.
type carrier struct {
	ctx      context.Context
	metadata func(ctx context.Context, name string) []string
}

// Get joins the lines of a name, as W3C Trace Context, section 3.3.1, has it for
// tracestate. Of traceparent there is one line; two, joined, could pass for the longer
// one of a later version (section 3.2.4), and make the first a parent.
func (c carrier) Get(name string) string {
	switch values := c.metadata(c.ctx, name); {
	case len(values) == 1:
		return values[0]
	case name == "traceparent":
		return ""
	default:
		return strings.Join(values, ",")
	}
}

// Set does nothing: nothing is propagated.
func (carrier) Set(string, string) {}

// Keys is not asked for by the propagator.
func (carrier) Keys() []string { return nil }
