package otelmail

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/count"
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
	retries *count.Counter
}

func newQueue(b *binder, t *tracer, handle func(error)) *Queue {
	return &Queue{tracer: t, size: b.observedGauge(queueSize, handle), retries: b.counter(queueRetries)}
}

// Enqueue begins putting a message into the queue. Store the handle's
// [Queueing.TraceContext] with the message.
func (q *Queue) Enqueue(ctx context.Context, facts MessageFacts) Queueing {
	o := Queueing{Op: orEmpty(q).tracer.begin(ctx, "queue enqueue", producerKind), queue: q}
	if o.recording() {
		q.tracer.describe(o.span).message(&facts).set()
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
		o.queue.size.Add(1)
	}
	o.end(cause.String())
}

// Dequeue begins work on a message taken from the queue, which stays in it
// until [Queue.Remove]. The span continues the trace that tc was stored with,
// as a child and with a link to the span that enqueued the message. waited is
// how long the message has been there.
func (q *Queue) Dequeue(ctx context.Context, tc TraceContext, facts MessageFacts, waited time.Duration) Dequeueing {
	o := Dequeueing{Op: orEmpty(q).tracer.resume(ctx, "queue dequeue", tc, trace.SpanKindConsumer)}
	if o.recording() {
		q.tracer.describe(o.span).add(mailconv.QueueWaitKey.Float64(max(waited, 0).Seconds())).message(&facts).set()
	}
	return o
}

// Dequeueing is a message from the queue being worked on. End it exactly once.
type Dequeueing struct{ Op }

// End ends the work on the message.
func (o Dequeueing) End(cause Cause) { o.end(cause.String()) }

// Remove notes that one message has left the queue for good: delivered,
// bounced or dropped.
func (q *Queue) Remove() { orEmpty(q).size.Add(-1) }

// SetSize sets the number of messages in the queue, at start-up for example.
func (q *Queue) SetSize(n int64) { orEmpty(q).size.set(n) }

// ObserveSize calls fn at each collection for the number of messages in the queue,
// in place of what Enqueue and Remove count. If fn fails, panics or hangs, the last
// value is shown.
func (q *Queue) ObserveSize(fn func(context.Context) (int64, error)) { orEmpty(q).size.observe(fn) }

// Size returns the number of messages in the queue, as last known.
func (q *Queue) Size() int64 { return orEmpty(q).size.Load() }

// Retried counts a delivery attempt after a message's first one that was made
// without a [Delivery.Attempt].
func (q *Queue) Retried() { orEmpty(q).retries.Add(1) }

// Message is what a server stores with each message in its queue, so that the
// message's trace goes on hours later, and after a restart. It marshals to JSON:
//
//	{"queue_id":"q1","enqueued":"2006-01-02T15:04:05Z","attempts":1,"trace":{"traceparent":"00-…"}}
//
// See [Queue.Accept] and [Queue.Resume].
type Message struct {
	// QueueID is the server's own id of the message.
	QueueID string `json:"queue_id"`
	// Enqueued is when the message was accepted into the queue.
	Enqueued time.Time `json:"enqueued"`
	// Attempts is how often its delivery has been tried.
	Attempts int `json:"attempts,omitempty"`
	// Trace is the trace of the session that accepted it.
	Trace TraceContext `json:"trace,omitzero"`
}

// Accept is [Queue.Enqueue] with the [Message] to store. End the handle when the
// message is safely stored, or with a cause when it could not be.
func (q *Queue) Accept(ctx context.Context, facts MessageFacts) (Message, Queueing) {
	o := q.Enqueue(ctx, facts)
	return Message{QueueID: facts.QueueID, Enqueued: time.Now(), Trace: o.TraceContext()}, o
}

// Resume is [Queue.Dequeue] of a stored [Message].
func (q *Queue) Resume(ctx context.Context, m Message, facts MessageFacts) Dequeueing {
	if facts.QueueID == "" {
		facts.QueueID = m.QueueID
	}
	var waited time.Duration
	if !m.Enqueued.IsZero() {
		waited = time.Since(m.Enqueued)
	}
	return q.Dequeue(ctx, m.Trace, facts, waited)
}

// Attempt describes the next attempt to deliver the message, and counts it in
// m.Attempts: store m again before the attempt ends.
func (m *Message) Attempt(t Transport, domain string) Attempt {
	m.Attempts++
	return Attempt{Transport: t, Number: m.Attempts, Domain: domain, Message: MessageFacts{QueueID: m.QueueID}}
}
