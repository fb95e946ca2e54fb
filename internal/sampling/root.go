package sampling

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// root stands in a context where the next span begins a new trace. Its own context has no
// ids, which makes that span a root for any SDK, and what a root may begin with: flags, and
// a tracestate with the randomness of the trace that is followed.
type root struct {
	noop.Span
	begins   trace.SpanContext
	follows  trace.SpanContext // invalid where no trace is followed
	replaced trace.Span        // what was in the context; nil where no trace is followed
}

// SpanContext implements [trace.Span].
func (r *root) SpanContext() trace.SpanContext { return r.begins }

var random trace.Span = &root{begins: trace.SpanContext{}.WithTraceFlags(trace.FlagsRandom)}

// Follow returns ctx for work that begins a new trace, which is to be sampled like the one
// that of belongs to.
func Follow(ctx context.Context, of trace.SpanContext) context.Context {
	ctx = Leave(ctx)
	r := &root{follows: of, replaced: trace.SpanFromContext(ctx)}
	// The same for every following trace, in whatever order they follow each other.
	if state, err := (trace.TraceState{}).Insert(member, randomKey+":"+text(randomness(of.TraceState(), of.TraceID()))); err == nil { // always
		r.begins = r.begins.WithTraceState(state)
	}
	return trace.ContextWithSpan(ctx, r)
}

// Random returns ctx, in which no trace has begun, for a new one whose id is random. The SDK
// makes such ids and does not set the flag that says so.
func Random(ctx context.Context) context.Context {
	r, ok := trace.SpanFromContext(ctx).(*root)
	if !ok {
		return trace.ContextWithSpan(ctx, random)
	}
	flagged := *r
	flagged.begins = r.begins.WithTraceFlags(trace.FlagsRandom)
	return trace.ContextWithSpan(ctx, &flagged)
}

// Links are those of a span that begins a new trace in ctx: to the span whose trace it
// follows, and to the one that ctx had before. One that is not sampled is nowhere to be found.
func Links(ctx context.Context) []trace.Link {
	r, ok := trace.SpanFromContext(ctx).(*root)
	if !ok || !r.follows.IsValid() {
		return nil
	}
	var links []trace.Link
	for _, sc := range []trace.SpanContext{r.follows, r.replaced.SpanContext()} {
		if sc.IsValid() && sc.IsSampled() {
			links = append(links, trace.Link{SpanContext: sc})
		}
	}
	return links
}

// Leave returns ctx with the span that it had before Follow, for where no trace begins.
func Leave(ctx context.Context) context.Context {
	if r, ok := trace.SpanFromContext(ctx).(*root); ok && r.replaced != nil {
		return trace.ContextWithSpan(ctx, r.replaced)
	}
	return ctx
}
