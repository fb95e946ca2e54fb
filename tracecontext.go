package otelmail

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/sampling"
)

// TraceContext is the trace of a message as it is stored beside the message:
// the W3C headers traceparent and tracestate. It survives a restart, and a
// delivery hours later, in another process, continues it. The zero value is no
// trace. It marshals to JSON as {"traceparent":"00-…","tracestate":"…"}.
//
// A TraceContext belongs to this server. One that came from outside, in a
// message's header for example, must not be stored here: it would let a
// stranger choose trace ids and what is sampled.
type TraceContext struct {
	Parent string `json:"traceparent,omitempty"`
	State  string `json:"tracestate,omitempty"`
}

const (
	parentHeader = "traceparent"
	stateHeader  = "tracestate"
)

var w3c propagation.TraceContext

// TraceContextOf returns the trace context of the span in ctx, the zero value
// when there is none.
func TraceContextOf(ctx context.Context) TraceContext {
	var c carrier
	if ctx != nil {
		w3c.Inject(ctx, &c)
	}
	return TraceContext(c)
}

// SpanContext returns the span that the trace context names; an invalid one for
// the zero value and for anything that is not a W3C traceparent.
func (t TraceContext) SpanContext() trace.SpanContext {
	c := carrier(t)
	return trace.SpanContextFromContext(w3c.Extract(context.Background(), &c))
}

// carrier lets the propagator read and write a TraceContext without a map.
type carrier TraceContext

func (c *carrier) Get(key string) string {
	switch key {
	case parentHeader:
		return c.Parent
	case stateHeader:
		return c.State
	}
	return ""
}

func (c *carrier) Set(key, value string) {
	switch key {
	case parentHeader:
		c.Parent = value
	case stateHeader:
		c.State = value
	}
}

func (c *carrier) Keys() []string { return []string{parentHeader, stateHeader} }

// resume starts a span that continues a stored trace in the same server: a
// child of the stored span, so that one view shows the message's whole life,
// and linked to it, so that the tie holds where a backend has already closed
// that trace. A span already in ctx is kept as a second link. apart makes it the first of a
// trace of its own, with the same links; but not where the stored one was not sampled, if
// that decides, nor where no spans are recorded: the trace id is the one tie there is then.
func (t *tracer) resume(ctx context.Context, name string, tc TraceContext, kind trace.SpanKind, apart bool) Op {
	stored := tc.SpanContext()
	if t == nil || !stored.IsValid() {
		return t.begin(ctx, name, []trace.SpanStartOption{trace.WithSpanKind(kind)})
	}
	if ctx == nil {
		ctx = context.Background()
	}
	if t.idsOnly != nil {
		return Op{ctx: trace.ContextWithRemoteSpanContext(ctx, stored)}
	}
	current := trace.SpanContextFromContext(ctx)
	if apart && !t.off && (stored.IsSampled() || !t.inherits) {
		op := t.linked(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), name, tc, kind)
		if current.IsValid() && op.Recording() {
			op.span.AddLink(trace.Link{SpanContext: current})
		}
		return op
	}
	links := []trace.Link{{SpanContext: stored}}
	if current.IsValid() {
		links = append(links, trace.Link{SpanContext: current})
	}
	ctx, span := t.Start(trace.ContextWithRemoteSpanContext(ctx, stored), name,
		trace.WithSpanKind(kind), trace.WithLinks(links...))
	return Op{ctx, span}
}

// linked starts a span in ctx's own trace with a link to a stored one. Where ctx has no
// trace, the one that begins is sampled as the stored one was. Else that may not have been
// sampled, and is not linked to then: the link would point at nothing.
func (t *tracer) linked(ctx context.Context, name string, tc TraceContext, kind trace.SpanKind) Op {
	ctx = orBackground(ctx)
	options := []trace.SpanStartOption{trace.WithSpanKind(kind)}
	if stored := tc.SpanContext(); stored.IsValid() {
		if !trace.SpanContextFromContext(ctx).IsValid() {
			ctx = sampling.Follow(ctx, stored)
		} else if stored.IsSampled() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: stored}))
		}
	}
	return t.begin(ctx, name, options)
}
