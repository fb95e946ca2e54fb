package otelmail

import (
	"cmp"
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/mailconv"
)

var (
	queueSize = define(catalog.Metric{
		Name: "queue_size", Kind: catalog.Gauge, Unit: "{message}", Fleet: catalog.Sum,
		Help: "Messages in the queue now",
		Rise: "More comes in than goes out: a destination is away (see " + queueRetries.Name + "), or the workers have stopped (see " + healthStatus.Name + ").",
	})
	queueRetries = define(catalog.Metric{
		Name: "queue_retries_total", Kind: catalog.Counter, Unit: "{attempt}",
		Help: "Delivery attempts after a message's first one",
		Rise: "Destinations are away or defer our mail: greylisting, rate limits, a block. The delivery spans name domain and reply.",
	})
	queueExpired = define(catalog.Metric{
		Name: "queue_expired_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Messages given up because they had been in the queue, or had been tried, for as long as is allowed",
		Rise: "A destination has been away for days, or something here has: see " + queueOldest.Name + " and the reasons of " + deliveryAttempts.Name + ". The senders hear of it only now.",
	})
	deliveryTotal = define(catalog.Metric{
		Name: "delivery_total_seconds", Kind: catalog.Histogram, Unit: "s",
		Help:    "How long messages took from being accepted into the queue to their final fate",
		Rise:    "Mail is late. Compare " + schedulerLag.Name + " (we are slow to try), " + deliveryDuration.Name + " (trying is slow) and " + queueRetries.Name + " (trying does not help).",
		Buckets: []float64{0.5, 1, 2, 5, 10, 30, 60, 5 * 60, 15 * 60, 30 * 60, 3600, 4 * 3600, 12 * 3600, 86400, 2 * 86400, 5 * 86400},
		Labels: []catalog.Label{{Key: "outcome", Values: removals[:],
			Help: "Taken over by the other side; refused for good; given up after having been tried for too long; discarded on purpose; or gone in another way"}},
	})
)

// Queue records a message queue, or all queues of a server together. All methods are
// safe for concurrent use.
type Queue struct {
	// Size is the number of messages in the queue. Enqueue and Remove change it; at
	// start-up add what each queue has loaded. Or let a function say it, by
	// [Queue.Observe] with the states of the messages, or by Size.Observe without.
	Size *Gauge

	tracer *tracer
	clock  *clock
	// linkAfter is the age from which on work on a message is a trace of its own; nil is
	// never. See [WithQueueLinkAfter].
	linkAfter *time.Duration
	status    *queueStatus
	retries   *count.Counter
	expired   *count.Counter
	total     labelledHistogram
}

func newQueue(b *binder, t *tracer, linkAfter *time.Duration, handle func(error)) *Queue {
	size, clock := b.unboundGauge(queueSize, handle), newClock(b)
	return &Queue{
		Size:      size,
		tracer:    t,
		clock:     clock,
		linkAfter: linkAfter,
		status:    newQueueStatus(b, size, clock),
		retries:   b.counter(queueRetries),
		expired:   b.counter(queueExpired),
		total:     b.labelledHistogram(deliveryTotal),
	}
}

// Enqueue begins putting a message into the queue, and returns what to store with it.
// End the handle when the message is safely stored, or with a cause when it could not
// be.
func (q *Queue) Enqueue(ctx context.Context, facts MessageFacts) (Message, Queueing) {
	o := Queueing{Op: orEmpty(q).tracer.begin(ctx, "queue enqueue", producerKind), queue: q}
	if t := orEmpty(q).tracer; t.takesAny(o.ctx, mailevent.Queued, mailevent.Accepted, mailevent.Rejected) {
		bringsMessage(o.ctx, facts.QueueID)
		known := facts // not &facts, which would be allocated where nobody listens, too
		o.known = &known
	}
	if o.Recording() {
		q.tracer.describe(o.span).message(&facts).set()
		q.tracer.broughtBy(ctx, facts.QueueID)
	}
	return Message{QueueID: facts.QueueID, Enqueued: time.Now(), Trace: TraceContextOf(o.Context())}, o
}

// Queueing is a message being put into the queue. End it exactly once.
type Queueing struct {
	Op
	queue *Queue
	known *MessageFacts // for its event; nil where nobody listens
}

// End ends the enqueueing. With [CauseNone] the queue holds one message more.
func (o Queueing) End(cause Cause) {
	if o.queue == nil {
		return
	}
	if cause == CauseNone {
		o.queue.Size.Add(1)
		o.queue.tracer.awaits(o.ctx)
		o.tellQueued()
	}
	o.end(cause.String())
}

// Dequeue begins work on a message taken from the queue, which stays in it until
// [Queue.Remove]. The span continues the trace that m was stored with, as a child, or is the
// first of a new one: see [WithQueueLinkAfter]. In both it has a link to the span that
// enqueued the message. All spans within it have the queue id.
func (q *Queue) Dequeue(ctx context.Context, m Message, facts MessageFacts) Dequeueing {
	q = orEmpty(q)
	waited := q.clock.since(waitQueue, m.Enqueued)
	o := Dequeueing{Op: q.tracer.resume(ctx, "queue dequeue", m.Trace, trace.SpanKindConsumer, q.links(&m, waited)), queue: q}
	facts.QueueID = cmp.Or(facts.QueueID, m.QueueID)
	if o.Recording() || q.tracer.takesAny(o.ctx, messageEvents...) {
		o.ctx, _ = withMessage(o.ctx, &facts, m.Enqueued)
	}
	if o.Recording() {
		q.tracer.describe(o.span).add(mailconv.QueueWaitKey.Float64(waited.Seconds())).message(&facts).set()
	}
	return o
}

// links reports whether work on a message is to be a trace of its own. One that does not say
// when it was enqueued is old.
func (q *Queue) links(m *Message, waited time.Duration) bool {
	return q.linkAfter != nil && (m.Enqueued.IsZero() || waited >= *q.linkAfter)
}

// Dequeueing is a message from the queue being worked on. End it exactly once.
type Dequeueing struct {
	Op
	queue *Queue
}

// End ends the work on the message.
func (o Dequeueing) End(cause Cause) {
	if cause == CausePanic {
		orEmpty(o.queue).tracer.panicked(ComponentQueue)
	}
	o.end(cause.String())
}

// Removal is why a message left the queue for good.
type Removal uint8

// The ways out. Of a message for several recipients it is the worst of theirs: refused for
// one and delivered to the others it has bounced.
const (
	RemovedDelivered Removal = iota // to everybody
	RemovedBounced                  // refused for good, whether or not a bounce could be sent
	RemovedExpired                  // tried for as long as is allowed
	RemovedDropped                  // discarded on purpose
	RemovedOther                    // in another way: moved to another server, for example
)

var removals = [...]string{"delivered", "bounced", "expired", "dropped", "other"}

// String returns "delivered", "bounced", "expired", "dropped" or "other".
func (r Removal) String() string { return nameOrLast(removals[:], int(r)) }

// Remove notes that a message has left the queue for good, and why: queue_size falls by
// one, unless a function tells it, and delivery_total_seconds records the time since
// m.Enqueued, where that is known. [RemovedExpired] counts in queue_expired_total. What was
// done about it counts where it is done: [Mail.Bounced], [Mail.Dropped]. The span in ctx is
// the exemplar.
func (q *Queue) Remove(ctx context.Context, m Message, why Removal) {
	q = orEmpty(q)
	q.Size.Add(-1)
	if why == RemovedExpired {
		q.expired.Add(1)
		q.tracer.expired(ctx, &m)
	}
	age := q.clock.since(waitTotal, m.Enqueued)
	if !m.Enqueued.IsZero() {
		q.total.record(orBackground(ctx), age, int(why))
	}
	q.tracer.removed(orBackground(ctx), &m, why, age)
}
