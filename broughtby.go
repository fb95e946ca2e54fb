package otelmail

import (
	"context"
	"sync/atomic"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// bringing is a DATA or BDAT whose span records. Contexts carry it, so that the span has the
// queue id of the message that comes by it.
type bringing struct {
	span    trace.Span
	brought atomic.Bool
}

type bringingKey struct{}

// brings has what is put into the queue with op's context noted on op's span.
func (o *Op) brings() {
	o.ctx = context.WithValue(o.ctx, bringingKey{}, &bringing{span: o.span})
}

// broughtBy notes the queue id on the span of the command in ctx: the first, because a bounce
// or a copy may follow. A command that has ended keeps what it has.
func (t *tracer) broughtBy(ctx context.Context, queueID string) {
	if ctx == nil || queueID == "" {
		return
	}
	if b, _ := ctx.Value(bringingKey{}).(*bringing); b != nil && !b.brought.Swap(true) {
		t.describe(b.span).text(semconv.MessagingMessageIDKey, queueID).set()
	}
}
