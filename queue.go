package otelmail

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/mailconv"
)

var (
	queueSize = define(Metric{
		Name: "queue_size", Kind: Gauge, Unit: "{message}",
		Help: "Messages in the queue now",
		Rise: "More comes in than goes out: a destination is away (see queue_retries_total), or the workers have stopped (see health_check_status).",
	})
	queueRetries = define(Metric{
		Name: "queue_retries_total", Kind: Counter, Unit: "{attempt}",
		Help: "Delivery attempts after a message's first one",
		Rise: "Destinations are away or defer our mail: greylisting, rate limits, a block. The delivery spans name domain and reply.",
	})
)

// Queue records a message queue. All methods are safe for concurrent use.
type Queue struct {
	tracer  *tracer
	size    *observed
	retries *counter
}

func newQueue(b *binder, t *tracer, handle func(error)) *Queue {
	return &Queue{tracer: t, size: b.observedGauge(queueSize, handle), retries: b.counter(queueRetries)}
}

// Enqueue begins putting a message into the queue. Store the handle's
// [Queueing.TraceContext] with the message.
func (q *Queue) Enqueue(ctx context.Context, facts MessageFacts) Queueing {
	o := Queueing{Op: q.tracer.begin(ctx, "queue enqueue", producerKind), queue: q}
	if o.recording() {
		room := takeRoom()
		o.span.SetAttributes(q.tracer.door.message(room[:0], &facts)...)
		room.free()
	}
	return o
}

// Queueing is a message being put into the queue. End it exactly once.
type Queueing struct {
	Op
	queue *Queue
}

// TraceContext is what to store with the message, so that its later life
// continues the trace.
func (o Queueing) TraceContext() TraceContext { return TraceContextOf(o.Context()) }

// End ends the enqueueing. With [CauseNone] the queue holds one message more.
func (o Queueing) End(cause Cause) {
	if o.queue == nil {
		return
	}
	if cause == CauseNone {
		o.queue.size.add(1)
	}
	o.end(cause.String())
}

// Dequeue begins work on a message taken from the queue, which stays in it
// until [Queue.Remove]. The span continues the trace that tc was stored with,
// as a child and with a link to the span that enqueued the message. waited is
// how long the message has lain there.
func (q *Queue) Dequeue(ctx context.Context, tc TraceContext, facts MessageFacts, waited time.Duration) Dequeueing {
	o := Dequeueing{Op: q.tracer.resume(ctx, "queue dequeue", tc, trace.SpanKindConsumer)}
	if o.recording() {
		room := takeRoom()
		attrs := append(room[:0], mailconv.QueueWaitKey.Float64(max(waited, 0).Seconds()))
		o.span.SetAttributes(q.tracer.door.message(attrs, &facts)...)
		room.free()
	}
	return o
}

// Dequeueing is a message from the queue being worked on. End it exactly once.
type Dequeueing struct{ Op }

// End ends the work on the message.
func (o Dequeueing) End(cause Cause) { o.end(cause.String()) }

// Remove notes that one message has left the queue for good: delivered,
// bounced or dropped.
func (q *Queue) Remove() { q.size.add(-1) }

// SetSize sets the number of messages in the queue, at a start for example.
func (q *Queue) SetSize(n int64) { q.size.set(n) }

// ObserveSize has the number of messages in the queue read from fn at each
// collection, in place of what Enqueue and Remove count. fn may fail, panic or
// hang: the last value is then shown.
func (q *Queue) ObserveSize(fn func(context.Context) (int64, error)) { q.size.observe(fn) }

// Size returns the number of messages in the queue, as last known.
func (q *Queue) Size() int64 { return q.size.load() }

// Retried counts a delivery attempt after a message's first one that was made
// without a [Delivery.Attempt].
func (q *Queue) Retried() { q.retries.add(1) }
