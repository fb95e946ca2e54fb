package otelmail

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strings"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Op is work that has begun: the handle returned by the methods that begin work. It is
// a plain value, so that work which is not sampled allocates nothing of ours. The
// types that embed it have the methods that end it.
type Op struct {
	ctx  context.Context
	span trace.Span
}

// Context carries the work's span: start children and call others with it.
func (o Op) Context() context.Context {
	if o.ctx == nil {
		return context.Background()
	}
	return o.ctx
}

// Span is the work's span, for attributes of the application's own. Compute
// them only when span.IsRecording().
func (o Op) Span() trace.Span {
	if o.span == nil { // not recorded: the context has the trace at most
		return trace.SpanFromContext(o.Context())
	}
	return o.span
}

// recording reports whether attributes are worth computing.
func (o Op) recording() bool { return o.span != nil && o.span.IsRecording() }

// end ends the span. A failure sets its status and error.type; the status has
// no description, because what mail servers know of a failure names people.
func (o Op) end(errorType string) {
	if o.span == nil {
		return
	}
	if errorType != "" && o.span.IsRecording() {
		o.span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
		o.span.SetStatus(codes.Error, "")
	}
	o.span.End()
}

// tracer starts spans with options that were made once: an option that is made
// at the call costs an allocation, sampled or not.
type tracer struct {
	trace.Tracer
	*redactor
	// off says that the provider is the no-op one: nothing is traced at all.
	off bool
	// idsOnly stands in where no exporter takes spans.
	idsOnly *idTracer
	// inherits says that a child of an unsampled span is never sampled, so that
	// starting one can be left out. True of the parent-based samplers.
	inherits bool
}

var (
	serverKind   = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	clientKind   = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}
	producerKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer)}
	internalKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindInternal)}
)

func (t *tracer) begin(ctx context.Context, name string, kind []trace.SpanStartOption) Op {
	if ctx == nil { // a caller's mistake must not end the mail's path
		ctx = context.Background()
	}
	if t == nil || t.off { // the application's own spans may still be in ctx
		return Op{ctx: ctx}
	}
	if t.idsOnly != nil {
		return t.idsOnly.begin(ctx, name)
	}
	if t.inherits && unsampled(trace.SpanFromContext(ctx)) {
		return Op{ctx: ctx}
	}
	ctx, span := t.Start(ctx, name, kind...)
	return Op{ctx, span}
}

// idTracer stands in for the SDK where no exporter takes spans: nothing is
// recorded, but every piece of work still has a trace id, for its log lines, its
// exemplars and what is stored in the queue, and the sampler's decision. Spans
// that nobody receives would cost a message more than all its counters.
type idTracer struct{ sampler sdktrace.Sampler }

// begin gives work without a trace one; all other work stays in its trace.
func (t *idTracer) begin(ctx context.Context, name string) Op {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return Op{ctx: ctx}
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
	return Op{ctx: trace.ContextWithSpanContext(ctx, sc)}
}

// unsampled reports that the span is of a trace that is not sampled.
func unsampled(span trace.Span) bool {
	sc := span.SpanContext()
	return !span.IsRecording() && sc.IsValid() && !sc.IsSampled()
}

// spanless reports that work within op gets no spans and stays in op's trace, which
// begin would otherwise find out again for each command of a session.
func (t *tracer) spanless(op *Op) bool {
	return t == nil || t.off || t.idsOnly != nil || t.inherits && unsampled(op.Span())
}

// nameSet is a closed set of names, each with what a span of it is called.
type nameSet struct {
	values []string
	spans  []string
}

// newNameSet makes the names of a protocol. Index 0 stands for all others.
func newNameSet(protocol string, values ...string) nameSet {
	n := nameSet{values: append([]string{other}, values...)}
	for _, v := range n.values {
		n.spans = append(n.spans, protocol+" "+v)
	}
	return n
}

// other stands for every name that is not known (OpenTelemetry's convention
// for values outside a closed set).
const other = "_OTHER"

// index returns 0 for an index that is out of range.
func (n nameSet) index(i int) int {
	if i < 0 || i >= len(n.values) {
		return 0
	}
	return i
}

// find returns the index of a name in any case, 0 for an unknown one. It looks
// at no more bytes than the longest name has, and allocates nothing.
func (n nameSet) find(name string) int {
	for i := 1; i < len(n.values); i++ {
		if len(name) == len(n.values[i]) && strings.EqualFold(name, n.values[i]) {
			return i
		}
	}
	return 0
}
