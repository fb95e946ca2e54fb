package otelmail

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/sampling"
)

// Op is work that has begun: the handle returned by the methods that begin work. It is
// a plain value, so that work which is not sampled allocates nothing of ours. The
// types that embed it have the methods that end it. Being a plain value it does not
// remember that it was ended: what is ended twice counts twice, except for sessions.
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

// Recording reports whether the span takes attributes, as Span().IsRecording() does at a
// higher price: compute them only then.
func (o Op) Recording() bool { return o.span != nil && o.span.IsRecording() }

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
	random   bool            // says that trace ids are the SDK's, which are random
	keeper   *keeper         // nil where every span leaves as it ends
	panics   labelledCounter // see panicked
	events   *mailEvents
}

// Along one path at most one span is SERVER, so that service graphs, and metrics made of
// spans, count a request once. A session only holds its commands together and is
// INTERNAL: what is asked for and answered is the command. A JMAP method call is a part
// of an HTTP request, see JMAP.Request.
var (
	serverKind   = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	clientKind   = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}
	producerKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer)}
	internalKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindInternal)}
)

func (t *tracer) begin(ctx context.Context, name string, kind []trace.SpanStartOption) Op {
	ctx = orBackground(ctx)
	if t == nil || t.off { // the application's own spans may still be in ctx
		return Op{ctx: sampling.Leave(ctx)}
	}
	if t.idsOnly != nil {
		return t.idsOnly.begin(ctx, name)
	}
	span := trace.SpanFromContext(ctx)
	if t.inherits && unsampled(span) {
		return Op{ctx: ctx}
	}
	if !span.SpanContext().IsValid() {
		return t.root(ctx, name, kind)
	}
	ctx, span = t.Start(ctx, name, kind...)
	return Op{ctx, span}
}

// root starts the first span of a trace.
func (t *tracer) root(ctx context.Context, name string, options []trace.SpanStartOption) Op {
	if links := sampling.Links(ctx); len(links) > 0 {
		options = append(slices.Clip(options), trace.WithLinks(links...))
	}
	if t.random {
		ctx = sampling.Random(ctx)
	}
	ctx, span := t.Start(ctx, name, options...)
	return Op{ctx, span}
}

// orBackground is a context in the place of nil: a caller's mistake must not end the
// mail's path.
func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
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
	flags := trace.FlagsRandom
	if decision.Decision == sdktrace.RecordAndSample {
		flags |= trace.FlagsSampled
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

// spanNames are the names of a protocol's spans by verb, from the zero value, which
// stands for all others, to the last.
func spanNames[V verb](protocol string, last V) []string {
	names := make([]string, int(last)+1)
	for v := range names {
		names[v] = protocol + " " + V(v).String()
	}
	return names
}

func nameOf[V verb](names []string, v V) string { return memberOf(names, v, names[0]) }

type verb interface {
	~uint8
	fmt.Stringer
}

// memberOf is the name of a member of a closed set, or what stands for all that is none.
func memberOf[T ~uint8](names []string, v T, otherwise string) string {
	if int(v) >= len(names) {
		return otherwise
	}
	return names[v]
}

// other stands for every name that is not known (OpenTelemetry's convention
// for values outside a closed set).
const other = "_OTHER"
