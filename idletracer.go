package otelmail

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// idleTracer stands in for the SDK where no exporter takes spans: nothing is
// recorded, but every piece of work still has a trace id, for its log lines, its
// exemplars and what is stored in the queue, and the sampler's decision. Spans
// that nobody receives would cost a message more than all its counters.
type idleTracer struct{ sampler sdktrace.Sampler }

// begin gives work without a trace one; all other work stays in its trace.
func (t *idleTracer) begin(ctx context.Context, name string) Op {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		return Op{ctx: ctx, sampled: sc.IsSampled()}
	}
	var id trace.TraceID
	var span trace.SpanID
	binary.LittleEndian.PutUint64(id[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64()|1) // all zero would be no id
	binary.LittleEndian.PutUint64(span[:], rand.Uint64()|1)
	decision := t.sampler.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: id, Name: name})
	var flags trace.TraceFlags
	if decision.Decision == sdktrace.RecordAndSample {
		flags = trace.FlagsSampled
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: flags, TraceState: decision.Tracestate,
	})
	return Op{ctx: trace.ContextWithSpanContext(ctx, sc), sampled: sc.IsSampled()}
}
