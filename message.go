package otelmail

import (
	"context"
	"time"
)

// Message is what a server stores with each message in its queue, so that the
// message's trace goes on after hours, and after a restart. It marshals to JSON:
//
//	{"queue_id":"q1","enqueued":"2006-01-02T15:04:05Z","attempts":1,"trace":{"traceparent":"00-…"}}
//
// See [Queue.Accept] and [Queue.Resume].
type Message struct {
	// QueueID is the server's own id of the message.
	QueueID string `json:"queue_id"`
	// Enqueued is when the message was accepted into the queue.
	Enqueued time.Time `json:"enqueued"`
	// Attempts is how often its delivery was tried.
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
// m.Attempts: store m again before it ends.
func (m *Message) Attempt(t Transport, domain string) Attempt {
	m.Attempts++
	return Attempt{Transport: t, Number: m.Attempts, Domain: domain, Message: MessageFacts{QueueID: m.QueueID}}
}
