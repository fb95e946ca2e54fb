package otelmail

import (
	"maps"
	"strings"
	"time"
)

// Message is what a server stores with each message in its queue, so that the
// message's trace goes on hours later, and after a restart. It marshals to JSON:
//
//	{"queue_id":"q1","enqueued":"2006-01-02T15:04:05Z","attempts":{"example.org":1},"trace":{"traceparent":"00-…"}}
//
// [Queue.Enqueue] makes it, [Queue.Dequeue] goes on with it.
type Message struct {
	// QueueID is the server's own id of the message.
	QueueID string `json:"queue_id"`
	// Enqueued is when the message was accepted into the queue.
	Enqueued time.Time `json:"enqueued"`
	// Attempts is how often delivery to each destination has been tried.
	Attempts map[string]int `json:"attempts,omitempty"`
	// Trace is the trace of the session that accepted it.
	Trace TraceContext `json:"trace,omitzero"`
}

// Attempt describes the next attempt to deliver the message to a destination, and counts
// it in m.Attempts: store m again, now or with what came of the attempt. The destination
// is a domain, or a recipient's address where every recipient is an attempt of its own, as
// in a local mailbox. Every attempt after the first at a destination is a retry. Of the
// message the result knows the queue id: set its Message for more. Two goroutines
// must not call it for one Message at once; copies are independent.
func (m *Message) Attempt(t Transport, destination string) Attempt {
	a := Attempt{Transport: t, Domain: destination[strings.LastIndexByte(destination, '@')+1:]}
	if m == nil {
		return a
	}
	key := strings.ToLower(strings.TrimSuffix(destination, "."))
	attempts := maps.Clone(m.Attempts) // a copy of m must not see this one's
	if attempts == nil {
		attempts = map[string]int{}
	}
	attempts[key]++
	m.Attempts = attempts
	a.Number, a.Message = attempts[key], MessageFacts{QueueID: m.QueueID}
	a.enqueued = m.Enqueued
	return a
}
