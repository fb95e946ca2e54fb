package otelmail

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/catalog"
)

var queueStates = []catalog.Label{{Key: "state", Values: []string{"ready", "active", "deferred", "hold"},
	Help: "Due and waiting for a worker; being worked on; waiting for the next attempt; kept back until somebody releases it"}}

var (
	queueMessages = define(catalog.Metric{
		Name: "queue_messages", Kind: catalog.Gauge, Unit: "{message}", Fleet: catalog.Sum,
		Help:   "Messages in the queue now, by state, as a function of the server's tells; " + queueSize.Name + " is their sum",
		Rise:   "ready: too few workers, or they hang (see " + schedulerLag.Name + "). active: destinations answer slowly (see " + deliveryPhase.Name + "). deferred: destinations are away or refuse for now (see " + deliveryAttempts.Name + " by reason). hold: somebody has to look.",
		Labels: queueStates,
	})
	queueBytes = define(catalog.Metric{
		Name: "queue_bytes", Kind: catalog.Gauge, Unit: "By", Fleet: catalog.Sum,
		Help:   "Bytes in the queue now, by state",
		Rise:   "The spool fills its disk: large messages wait. See which state grows, then " + queueMessages.Name + ".",
		Labels: queueStates,
	})
	queueOldest = define(catalog.Metric{
		Name: "queue_oldest_age_seconds", Kind: catalog.Gauge, Unit: "s", Fleet: catalog.Max,
		Help:   "How long ago the oldest message in the queue was accepted, by state; 0 where there is none",
		Rise:   "Mail is late. ready: nobody takes it, the scheduler or the workers stand still. active: a delivery hangs. deferred: a destination has been away for so long, and bounces follow when the queue's limit is reached.",
		Labels: queueStates,
	})
)

// QueueState is what a queue holds at a moment. Each message is in one state; a message
// for several destinations is active while one of them is tried.
type QueueState struct {
	Ready    QueueShare // due, and waiting for a worker
	Active   QueueShare // being worked on
	Deferred QueueShare // waiting for the next attempt
	Hold     QueueShare // kept back until somebody releases it
}

// QueueShare are the messages in one state.
type QueueShare struct {
	Messages int64
	Bytes    int64
	// Oldest is when the oldest of them was accepted; the zero time for none, or where
	// that is not known. The age is computed from it at each collection.
	Oldest time.Time
}

// queueState is what the queue's function has said last.
type queueState struct {
	shares [4]QueueShare
	by     *func(context.Context) (int64, error)
}

// Observe has fn tell at each collection what the queue holds: queue_messages, queue_bytes
// and queue_oldest_age_seconds, and queue_size as the sum of all states. It has 250 ms to
// answer: if it fails, panics or hangs, the last answer is shown, the ages of the oldest
// messages go on, and telemetry_source_age_seconds tells how old the answer is. A server
// with several queues answers for all of them. Negative numbers count as 0.
//
// It replaces the function of an earlier call and that of Size.Observe; nil ends the
// observation. Without one the states are 0, and queue_size is what Enqueue, Remove and
// Size make of it.
func (q *Queue) Observe(fn func(context.Context) (QueueState, error)) {
	if q == nil || q.status == nil {
		return
	}
	if fn == nil {
		q.Size.Observe(nil)
		return
	}
	var by func(context.Context) (int64, error)
	by = func(ctx context.Context) (int64, error) {
		answer, err := fn(ctx)
		if err != nil {
			return 0, err
		}
		s := &queueState{shares: [...]QueueShare{answer.Ready, answer.Active, answer.Deferred, answer.Hold}, by: &by}
		for i := range s.shares {
			s.shares[i].Messages, s.shares[i].Bytes = max(s.shares[i].Messages, 0), max(s.shares[i].Bytes, 0)
		}
		q.status.answer.Store(s)
		return s.messages(), nil
	}
	q.Size.observe(&by)
}

func (s *queueState) messages() (sum int64) {
	for _, share := range s.shares {
		sum += share.Messages
	}
	return sum
}

// queueStatus is what a collection shows of the queue.
type queueStatus struct {
	size   *Gauge
	clock  *clock
	answer atomic.Pointer[queueState] // the last one
	shown  atomic.Pointer[queueState] // in this collection; nil while no function tells the states
}

// refresh asks the queue's function. What it answers while a collection goes on shows in
// the next: the size must be the sum of the states.
func (q *queueStatus) refresh() {
	q.size.refresh()
	s := q.answer.Load()
	if s != nil && q.size.read.Load() != s.by {
		s = nil // from a function that is no longer asked
	}
	q.shown.Store(s)
}

// share is what is shown of one state.
func (q *queueStatus) share(i int) QueueShare {
	if s := q.shown.Load(); s != nil {
		return s.shares[i]
	}
	return QueueShare{}
}

// newQueueStatus binds the size and what it is made of.
func newQueueStatus(b *binder, size *Gauge, clock *clock) *queueStatus {
	q := &queueStatus{size: size, clock: clock}
	b.beforeCollection(q.refresh)
	b.observe(queueSize, b.observable(queueSize), queueSource{q, func() int64 {
		if s := q.shown.Load(); s != nil {
			return s.messages()
		}
		return size.Load()
	}}, nil)
	messages, bytes := b.observable(queueMessages), b.observable(queueBytes)
	var labels []labelSet
	for i, state := range queueStates[0].Values {
		label := attribute.String(queueStates[0].Key, state)
		b.observe(queueMessages, messages, queueSource{q, func() int64 { return q.share(i).Messages }}, []string{state}, label)
		b.observe(queueBytes, bytes, queueSource{q, func() int64 { return q.share(i).Bytes }}, []string{state}, label)
		labels = append(labels, newLabelSet(label))
	}
	b.fraction(queueOldest, func(observe func(float64, labelSet)) {
		for i := range labels {
			observe(q.age(q.share(i)).Seconds(), labels[i])
		}
	})
	return q
}

// age is that of the oldest message, 0 where there is none.
func (q *queueStatus) age(s QueueShare) time.Duration {
	if s.Messages == 0 {
		return 0
	}
	return q.clock.since(waitOldest, s.Oldest)
}

// queueSource is a number of the queue, for which its function is asked first.
type queueSource struct {
	*queueStatus
	load func() int64
}

func (s queueSource) Load() int64 { return s.load() }
