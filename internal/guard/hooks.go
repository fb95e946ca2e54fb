package guard

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/report"
)

// Hooks contain what OpenTelemetry calls for every span, log record and trace context, on
// the mail's path: a panic there costs that span, record or context. It is reported at
// most once a minute for each kind.
type Hooks struct{ reporter *report.Reporter }

// NewHooks reports panics to handle.
func NewHooks(handle func(error)) Hooks { return Hooks{report.New(handle, error.Error)} }

func (h Hooks) call(kind string, of any, fn func()) {
	if err := contain.Call(fn); err != nil {
		h.reporter.Report(kind, fmt.Errorf("%s %T: %w", kind, of, err))
	}
}

type spanProcessor struct {
	sdktrace.SpanProcessor
	hooks Hooks
}

// SpanProcessor contains sp.
func (h Hooks) SpanProcessor(sp sdktrace.SpanProcessor) sdktrace.SpanProcessor {
	return spanProcessor{sp, h}
}

func (p spanProcessor) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	p.hooks.call("span processor", p.SpanProcessor, func() { p.SpanProcessor.OnStart(parent, s) })
}

func (p spanProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	p.hooks.call("span processor", p.SpanProcessor, func() { p.SpanProcessor.OnEnd(s) })
}

type logProcessor struct {
	sdklog.Processor
	hooks Hooks
}

// LogProcessor contains lp.
func (h Hooks) LogProcessor(lp sdklog.Processor) sdklog.Processor { return logProcessor{lp, h} }

func (p logProcessor) Enabled(ctx context.Context, param sdklog.EnabledParameters) (yes bool) {
	p.hooks.call("log processor", p.Processor, func() { yes = p.Processor.Enabled(ctx, param) })
	return yes
}

func (p logProcessor) OnEmit(ctx context.Context, record *sdklog.Record) (err error) {
	p.hooks.call("log processor", p.Processor, func() { err = p.Processor.OnEmit(ctx, record) })
	return err
}

type sampler struct {
	sdktrace.Sampler
	hooks Hooks
}

// Sampler contains s. A span about which it panics is not recorded.
func (h Hooks) Sampler(s sdktrace.Sampler) sdktrace.Sampler { return sampler{s, h} }

func (s sampler) ShouldSample(about sdktrace.SamplingParameters) sdktrace.SamplingResult {
	// The zero value is a result that drops the span.
	result := sdktrace.SamplingResult{Tracestate: trace.SpanContextFromContext(about.ParentContext).TraceState()}
	s.hooks.call("sampler", s.Sampler, func() { result = s.Sampler.ShouldSample(about) })
	return result
}

func (s sampler) Description() (text string) {
	s.hooks.call("sampler", s.Sampler, func() { text = s.Sampler.Description() })
	return text
}

type propagator struct {
	propagation.TextMapPropagator
	hooks Hooks
}

// Propagator contains p. Where it panics, no trace context travels.
func (h Hooks) Propagator(p propagation.TextMapPropagator) propagation.TextMapPropagator {
	return propagator{p, h}
}

func (p propagator) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	p.hooks.call("propagator", p.TextMapPropagator, func() { p.TextMapPropagator.Inject(ctx, carrier) })
}

func (p propagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	found := ctx
	p.hooks.call("propagator", p.TextMapPropagator, func() { found = p.TextMapPropagator.Extract(ctx, carrier) })
	return found
}

func (p propagator) Fields() (names []string) {
	p.hooks.call("propagator", p.TextMapPropagator, func() { names = p.TextMapPropagator.Fields() })
	return names
}
