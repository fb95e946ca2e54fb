package otelmail

import (
	"context"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Op is work that has begun: the handle that Start-like methods return. It is a
// plain value, so that work which is not sampled allocates nothing of ours. The
// types that embed it end it, each with what its kind of work ends in.
type Op struct {
	ctx  context.Context
	span trace.Span
	// sampled says that the context's trace is. It is known at the start, and to
	// look it up again at the end would cost as much as all counters of a command.
	sampled bool
}

// opOf is work with a span that was just started.
func opOf(ctx context.Context, span trace.Span) Op {
	return Op{ctx, span, span.SpanContext().IsSampled()}
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
	door *door
	// silent says that nothing is traced at all.
	silent bool
	// idle stands in where no exporter takes spans.
	idle *idleTracer
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
	if t.silent { // the application's own spans may still be in ctx
		return Op{ctx: ctx, sampled: trace.SpanContextFromContext(ctx).IsSampled()}
	}
	if t.idle != nil {
		return t.idle.begin(ctx, name)
	}
	if t.inherits && unsampled(trace.SpanFromContext(ctx)) {
		return Op{ctx: ctx}
	}
	return opOf(t.Start(ctx, name, kind...))
}

// unsampled reports that the span is of a trace that is not sampled.
func unsampled(span trace.Span) bool {
	sc := span.SpanContext()
	return !span.IsRecording() && sc.IsValid() && !sc.IsSampled()
}

// quiet reports that work within op gets no spans, and has op's trace: what begin
// would find out again for each command of a session.
func (t *tracer) quiet(op *Op) bool {
	return t.silent || t.idle != nil || t.inherits && unsampled(op.Span())
}

// attributes is room for the attributes of one span. It is lent and given back,
// because what is handed to a span as a slice cannot stay on the stack; spans
// copy what they are given.
type attributes [16]attribute.KeyValue

var rooms = sync.Pool{New: func() any { return new(attributes) }}

func takeRoom() *attributes {
	return rooms.Get().(*attributes)
}

func (a *attributes) free() {
	clear(a[:]) // strings of a stranger's mail are not kept alive
	rooms.Put(a)
}

// known is a closed set of names, each with what a span of it is called.
type known struct {
	values []string
	spans  []string
}

// newKnown makes the span names of a protocol. Index 0 is the unknown one.
func newKnown(protocol string, values ...string) known {
	k := known{values: append([]string{other}, values...)}
	for _, v := range k.values {
		k.spans = append(k.spans, protocol+" "+v)
	}
	return k
}

// other stands for every name that is not known (OpenTelemetry's convention
// for values outside a closed set).
const other = "_OTHER"

// index returns 0 for an index that is out of range.
func (k known) index(i int) int {
	if i < 0 || i >= len(k.values) {
		return 0
	}
	return i
}

// find returns the index of a name in any case, 0 for an unknown one. It looks
// at no more bytes than the longest name has, and allocates nothing.
func (k known) find(name string) int {
	for i := 1; i < len(k.values); i++ {
		if len(name) == len(k.values[i]) && strings.EqualFold(name, k.values[i]) {
			return i
		}
	}
	return 0
}
