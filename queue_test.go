package otelmail_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestQueueSize: a message is in the queue from a successful Enqueue to its Remove;
// working on it changes nothing.
func TestQueueSize(t *testing.T) {
	tel, _ := start(t)
	q := tel.Queue
	check := func(step string, want int64) {
		t.Helper()
		if got := q.Size.Load(); got != want {
			t.Errorf("%s: size %d, want %d", step, got, want)
		}
		checkValue(t, tel, want, "queue_size")
	}
	q.Size.Add(2) // one queue
	q.Size.Add(3) // another
	check("found at start-up", 5)
	message, o := q.Enqueue(t.Context(), otelmail.MessageFacts{})
	check("not stored yet", 5)
	o.End(otelmail.CauseNone)
	check("stored", 6)
	_, o = q.Enqueue(t.Context(), otelmail.MessageFacts{})
	o.End(otelmail.CauseStorage)
	check("could not be stored", 6)
	q.Dequeue(t.Context(), message, otelmail.MessageFacts{}).End(otelmail.CauseNone)
	check("worked on", 6)
	q.Remove(t.Context(), message, otelmail.RemovedDelivered)
	check("delivered", 5)
	q.Size.Observe(func(context.Context) (int64, error) { return 40, nil })
	checkValue(t, tel, 40, "queue_size")
	q.Remove(t.Context(), message, otelmail.RemovedDelivered) // the function's answer holds until it gives another
	checkValue(t, tel, 40, "queue_size")
	q.Size.Observe(nil)
	q.Remove(t.Context(), message, otelmail.RemovedDelivered)
	check("counted again", 39)
}

// TestQueueSizeAsLastSeen: what fails leaves the last value.
func TestQueueSizeAsLastSeen(t *testing.T) {
	tel, _ := start(t, otelmail.WithErrorHandler(func(error) {}))
	answers := []func() (int64, error){
		func() (int64, error) { return 7, nil },
		func() (int64, error) { return 0, errors.New("no connection") },
		func() (int64, error) { panic("no connection") },
		func() (int64, error) { return 8, nil },
	}
	tel.Queue.Size.Observe(func(context.Context) (int64, error) {
		next := answers[0]
		answers = answers[1:]
		return next()
	})
	for _, want := range []int64{7, 7, 7, 8} {
		checkValue(t, tel, want, "queue_size")
	}
}

// TestQueueWaits: the time in the queue is in seconds, and never negative: a clock may be
// set back between two runs of a server.
func TestQueueWaits(t *testing.T) {
	for enqueued, want := range map[time.Time][2]float64{
		time.Now().Add(-time.Hour): {3600, 3660}, time.Now().Add(time.Hour): {0, 0}, {}: {0, 0},
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			tel.Queue.Dequeue(t.Context(), otelmail.Message{Enqueued: enqueued}, otelmail.MessageFacts{}).End(otelmail.CauseNone)
		})
		checkName(t, s, "queue dequeue", trace.SpanKindConsumer)
		got, err := strconv.ParseFloat(attrs(s)["email.queue.wait"], 64)
		if err != nil || got < want[0] || got > want[1] {
			t.Errorf("enqueued %v: waited %v s, %v, want %v", enqueued, got, err, want)
		}
	}
}

func TestQueueing(t *testing.T) {
	for cause, want := range map[otelmail.Cause]string{otelmail.CauseNone: "", otelmail.CauseStorage: "storage", otelmail.CausePanic: "panic"} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			enqueue(t.Context(), tel, otelmail.MessageFacts{QueueID: "q1"}, cause)
		})
		checkName(t, s, "queue enqueue", trace.SpanKindProducer)
		checkFailure(t, s, want)
	}
}

// TestMessageAsJSON: the form is what servers have in their spools.
func TestMessageAsJSON(t *testing.T) {
	enqueued := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)
	for want, m := range map[string]otelmail.Message{
		`{"queue_id":"q1","enqueued":"2006-01-02T15:04:05Z","attempts":{"example.org":1},"trace":{"traceparent":"` + someParent + `"}}`: {QueueID: "q1",
			Enqueued: enqueued, Attempts: map[string]int{"example.org": 1}, Trace: otelmail.TraceContext{Parent: someParent}},
		`{"queue_id":"q1","enqueued":"2006-01-02T15:04:05Z","trace":{"traceparent":"` + someParent + `","tracestate":"v=1"}}`: {QueueID: "q1",
			Enqueued: enqueued, Trace: otelmail.TraceContext{Parent: someParent, State: "v=1"}},
		`{"queue_id":"q1","enqueued":"2006-01-02T15:04:05Z"}`: {QueueID: "q1", Enqueued: enqueued},
	} {
		got, err := json.Marshal(m)
		if err != nil || string(got) != want {
			t.Errorf("%+v is stored as %s, %v; want %s", m, got, err, want)
		}
		var back otelmail.Message
		if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s came back as %+v, %v", got, back, err)
		}
	}
}

// TestEnqueue gives what to store: the id, the time and the trace of the enqueue span.
func TestEnqueue(t *testing.T) {
	tel, rec := traced(t)
	before := time.Now()
	m, o := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{QueueID: "q1"})
	o.End(otelmail.CauseNone)
	if m.QueueID != "q1" || m.Attempts != nil || m.Enqueued.Before(before) || m.Enqueued.After(time.Now()) {
		t.Errorf("to store is %+v", m)
	}
	enqueue := rec.Ended()[0].SpanContext()
	if sc := m.Trace.SpanContext(); sc.SpanID() != enqueue.SpanID() || sc.TraceID() != enqueue.TraceID() || m.Trace != otelmail.TraceContextOf(o.Context()) {
		t.Errorf("to store is %+v, want the trace of %v", m.Trace, enqueue)
	}
}

// TestDequeueKnowsTheMessage: its id stands on the span unless the caller gives another.
func TestDequeueKnowsTheMessage(t *testing.T) {
	for given, want := range map[string]string{"": "stored", "given": "given"} {
		spanOf(t, func(tel *otelmail.Telemetry) {
			tel.Queue.Dequeue(t.Context(), otelmail.Message{QueueID: "stored"}, otelmail.MessageFacts{QueueID: given}).End(otelmail.CauseNone)
		}).Has(otelmailtest.Attributes{"messaging.message.id": want})
	}
}

// TestMessageAttempts counts in what is stored, so that a restart goes on counting, and
// every attempt after the first one is a retry.
func TestMessageAttempts(t *testing.T) {
	tel, rec := traced(t)
	m := otelmail.Message{QueueID: "q1"}
	for n := 1; n <= 3; n++ {
		a := m.Attempt(otelmail.TransportLMTP, "example.net")
		if m.Attempts["example.net"] != n || a.Number != n || a.Transport != otelmail.TransportLMTP || a.Domain != "example.net" || a.Message.QueueID != "q1" {
			t.Fatalf("attempt %d is %+v of %+v", n, a, m)
		}
		tel.Delivery.Attempt(t.Context(), a).End(otelmail.Reply{Code: 451})
		if got := attrs(rec.Ended()[n-1])["email.delivery.attempt"]; got != strconv.Itoa(n) {
			t.Errorf("the span says attempt %s", got)
		}
		stored, _ := json.Marshal(m)
		m = otelmail.Message{}
		if err := json.Unmarshal(stored, &m); err != nil {
			t.Fatal(err)
		}
	}
	checkValue(t, tel, 2, "queue_retries_total")
}

// FuzzMessage reads what a spool may hold after a disk has had its way with it.
func FuzzMessage(f *testing.F) {
	f.Add(`{"queue_id":"q1","enqueued":"2006-01-02T15:04:05Z","attempts":{"example.org":1},"trace":{"traceparent":"` + someParent + `"}}`)
	f.Add(`{"trace":{"traceparent":"00-\xff","tracestate":"=,="}}`)
	f.Add(`{"attempts":{"":-9223372036854775808,"a.example":9223372036854775807},"enqueued":"0001-01-01T00:00:00Z"}`)
	tel := otelmail.Noop()
	f.Fuzz(func(t *testing.T, stored string) {
		var m otelmail.Message
		if err := json.NewDecoder(strings.NewReader(stored)).Decode(&m); err != nil {
			return
		}
		d := tel.Queue.Dequeue(t.Context(), m, otelmail.MessageFacts{})
		if outcome := tel.Delivery.Attempt(d.Context(), m.Attempt(otelmail.TransportSMTP, m.QueueID)).End(otelmail.Reply{Code: 250}); outcome != otelmail.OutcomeDelivered {
			t.Errorf("%q: %v", stored, outcome)
		}
		d.End(otelmail.CauseNone)
	})
}
