package otelmail

import (
	"cmp"
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/mailconv"
)

var (
	queueSize = define(catalog.Metric{
		Name: "queue_size", Kind: catalog.Gauge, Unit: "{message}",
		Help: "Messages in the queue now",
		Rise: "More comes in than goes out: a destination is away (see queue_retries_total), or the workers have stopped (see health_check_status).",
	})
	queueRetries = define(catalog.Metric{
		Name: "queue_retries_total", Kind: catalog.Counter, Unit: "{attempt}",
		Help: "Delivery attempts after a message's first one",
		Rise: "Destinations are away or defer our mail: greylisting, rate limits, a block. The delivery spans name domain and reply.",
	})
)

// Queue records a message queue, or all queues of a server together. All methods are
// safe for concurrent use.
type Queue struct {
	// Size is the number of messages in the queue. Enqueue and Remove change it; at
	// start-up add what each queue has loaded. Or let a function say it, by Observe.
	Size *Gauge

	tracer  *tracer
	retries *count.Counter
}

func newQueue(b *binder, t *tracer, handle func(error)) *Queue {
	return &Queue{Size: b.gauge(queueSize, handle), tracer: t, retries: b.counter(queueRetries)}
}

// Enqueue begins putting a message into the queue, and returns what to store with it.
// End the handle when the message is safely stored, or with a cause when it could not
// be.
func (q *Queue) Enqueue(ctx context.Context, facts MessageFacts) (Message, Queueing) {
	o := Queueing{Op: orEmpty(q).tracer.begin(ctx, "queue enqueue", producerKind), queue: q}
	if o.Recording() {
		q.tracer.describe(o.span).message(&facts).set()
	}
	return Message{QueueID: facts.QueueID, Enqueued: time.Now(), Trace: TraceContextOf(o.Context())}, o
}

// Queueing is a message being put into the queue. End it exactly once.
type Queueing struct {
	Op
	queue *Queue
}

// End ends the enqueueing. With [CauseNone] the queue holds one message more.
func (o Queueing) End(cause Cause) {
	if o.queue == nil {
		return
	}
	if cause == CauseNone {
		o.queue.Size.Add(1)
	}
	o.end(cause.String())
}

// Dequeue begins work on a message taken from the queue, which stays in it until
// [Queue.Remove]. The span continues the trace that m was stored with, as a child and
// with a link to the span that enqueued the message.
func (q *Queue) Dequeue(ctx context.Context, m Message, facts MessageFacts) Dequeueing {
	o := Dequeueing{Op: orEmpty(q).tracer.resume(ctx, "queue dequeue", m.Trace, trace.SpanKindConsumer)}
	if o.Recording() {
		facts.QueueID = cmp.Or(facts.QueueID, m.QueueID)
		q.tracer.describe(o.span).add(mailconv.QueueWaitKey.Float64(m.waited().Seconds())).message(&facts).set()
	}
	return o
}

// Dequeueing is a message from the queue being worked on. End it exactly once.
type Dequeueing struct{ Op }

// End ends the work on the message.
func (o Dequeueing) End(cause Cause) { o.end(cause.String()) }

// Remove notes that one message has left the queue for good: delivered, bounced or
// dropped.
func (q *Queue) Remove() { orEmpty(q).Size.Add(-1) }
