package otelmail_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// ofAge is a message as it comes out of a spool, in the trace of someParent or another one.
func ofAge(t *testing.T, age time.Duration, parent string) otelmail.Message {
	t.Helper()
	stored, err := json.Marshal(otelmail.Message{QueueID: "q1", Enqueued: time.Now().Add(-age), Trace: otelmail.TraceContext{Parent: parent, State: "v=1"}})
	if err != nil {
		t.Fatal(err)
	}
	var m otelmail.Message
	if err := json.Unmarshal(stored, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestQueueLinkAfter: for each choice, how work on a message is tied to the trace that it was
// stored with: as its child or by a link alone, and by the link in any case.
func TestQueueLinkAfter(t *testing.T) {
	const env = "RUSMES_QUEUE_LINK_AFTER"
	after := otelmail.WithQueueLinkAfter
	for _, tc := range []struct {
		name    string
		opts    []otelmail.StartOption
		age     time.Duration
		unknown bool // since when it has been in the queue
		apart   bool
	}{
		{"by default", nil, 5 * 24 * time.Hour, false, false},
		{"always", []otelmail.StartOption{after(0)}, 0, false, true},
		{"always, by a clock that was set back", []otelmail.StartOption{after(0)}, -time.Hour, false, true},
		{"young", []otelmail.StartOption{after(time.Hour)}, 50 * time.Minute, false, false},
		{"old", []otelmail.StartOption{after(time.Hour)}, time.Hour, false, true},
		{"by a clock that was set back", []otelmail.StartOption{after(time.Hour)}, -5 * time.Hour, false, false},
		{"of an age that is not known", []otelmail.StartOption{after(time.Hour)}, 0, true, true},
		{"by the variable, old", []otelmail.StartOption{lookup(env, "1h")}, time.Hour, false, true},
		{"by the variable, young", []otelmail.StartOption{lookup(env, "1h")}, time.Minute, false, false},
		{"by the variable, always", []otelmail.StartOption{lookup(env, "0s")}, 0, false, true},
		{"the option wins", []otelmail.StartOption{lookup(env, "0s"), after(time.Hour)}, time.Minute, false, false},
		{"an option of 0 wins", []otelmail.StartOption{lookup(env, "1h"), after(0)}, time.Minute, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := ofAge(t, tc.age, someParent)
			if tc.unknown {
				m.Enqueued = time.Time{}
			}
			spans := spansOf(t, func(tel *otelmail.Telemetry) { workOn(t, tel, m) }, tc.opts...)
			checkTied(t, spans, tc.apart)
		})
	}
}

// workOn works on a message, in the context of a worker that has a span of its own.
func workOn(t *testing.T, tel *otelmail.Telemetry, m otelmail.Message) {
	worker, span := tel.TracerProvider().Tracer("worker").Start(t.Context(), "worker")
	work := tel.Queue.Dequeue(worker, m, otelmail.MessageFacts{})
	p := tel.Mail.Process(work.Context(), otelmail.MessageFacts{})
	tel.Mail.Stage(p.Context(), "spam-filter", otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
	p.End(otelmail.FateQueued, otelmail.CauseNone)
	tel.Delivery.Attempt(work.Context(), otelmail.Attempt{}).End(otelmail.Reply{Code: 250})
	work.End(otelmail.CauseNone)
	span.End()
}

// checkTied wants what workOn has recorded to be in one trace: that of someParent, or its
// own; with links to someParent and to the worker, and the queue id on each span.
func checkTied(t *testing.T, spans []sdktrace.ReadOnlySpan, apart bool) {
	t.Helper()
	if len(spans) != 5 {
		t.Fatalf("%d spans", len(spans))
	}
	work, worker := spans[3], spans[4]
	for _, s := range spans[:4] {
		if s.SpanContext().TraceID() != work.SpanContext().TraceID() {
			t.Errorf("%s is in another trace than queue dequeue", s.Name())
		}
		if got := attrs(s)["messaging.message.id"]; got != "q1" {
			t.Errorf("%s has the queue id %q", s.Name(), got)
		}
	}
	id := work.SpanContext().TraceID().String()
	switch {
	case apart && (id == someParent[3:35] || id == worker.SpanContext().TraceID().String() || work.Parent().IsValid()):
		t.Errorf("the work is in the trace %s, below %v; want one of its own", id, work.Parent().SpanID())
	case !apart && work.Parent().SpanID().String() != someParent[36:52]:
		t.Errorf("the work is below %v, want the stored span", work.Parent().SpanID())
	}
	links := work.Links()
	if len(links) != 2 || links[0].SpanContext.SpanID().String() != someParent[36:52] || links[0].SpanContext.TraceState().Get("v") != "1" ||
		links[1].SpanContext.SpanID() != worker.SpanContext().SpanID() {
		t.Errorf("linked to %+v, want the stored span and the worker's", links)
	}
}

// TestQueueLinkAfterWithNew: an application's own provider is no different.
func TestQueueLinkAfterWithNew(t *testing.T) {
	for name, opt := range map[string]otelmail.NewOption{
		"option": otelmail.WithQueueLinkAfter(time.Hour), "variable": lookup("RUSMES_QUEUE_LINK_AFTER", "1h"),
	} {
		for age, apart := range map[time.Duration]bool{time.Minute: false, 2 * time.Hour: true} {
			t.Run(name, func(t *testing.T) {
				_, rec, tel := newTraced(t, opt)
				workOn(t, tel, ofAge(t, age, someParent))
				checkTied(t, rec.Ended(), apart)
			})
		}
	}
}

// TestLinksAcrossARestart: what one process has enqueued, retries in the next are linked to,
// each in a trace of its own, and the queue id is on all spans from DATA on.
func TestLinksAcrossARestart(t *testing.T) {
	var stored []byte
	before := spansOf(t, func(tel *otelmail.Telemetry) {
		s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
		data := s.Command(mailconv.SMTPData)
		m, queueing := tel.Queue.Enqueue(data.Context(), otelmail.MessageFacts{QueueID: "q1"})
		queueing.End(otelmail.CauseNone)
		_, bounce := tel.Queue.Enqueue(data.Context(), otelmail.MessageFacts{QueueID: "q2"}) // of another message
		bounce.End(otelmail.CauseStorage)
		data.End(otelmail.Reply{Code: 250})
		s.End(otelmail.CauseNone)
		stored, _ = json.Marshal(m)
	})
	enqueue := before[0].SpanContext()
	for _, s := range []sdktrace.ReadOnlySpan{before[0], before[2]} {
		if got := attrs(s)["messaging.message.id"]; got != "q1" {
			t.Errorf("%s has the queue id %q", s.Name(), got)
		}
	}
	traces := map[trace.TraceID]bool{enqueue.TraceID(): true}
	after := spansOf(t, func(tel *otelmail.Telemetry) {
		for range 3 {
			var m otelmail.Message
			if err := json.Unmarshal(stored, &m); err != nil {
				t.Fatal(err)
			}
			work := tel.Queue.Dequeue(t.Context(), m, otelmail.MessageFacts{})
			tel.Delivery.Attempt(work.Context(), m.Attempt(otelmail.TransportSMTP, "example.org")).End(otelmail.Reply{Code: 451})
			work.End(otelmail.CauseNone)
			stored, _ = json.Marshal(m)
		}
	}, otelmail.WithQueueLinkAfter(0))
	for i := 0; i < len(after); i += 2 {
		attempt, work := after[i], after[i+1]
		if l := work.Links(); len(l) != 1 || l[0].SpanContext.SpanID() != enqueue.SpanID() || l[0].SpanContext.TraceID() != enqueue.TraceID() {
			t.Errorf("linked to %+v, want what enqueued the message", l)
		}
		traces[work.SpanContext().TraceID()] = true
		if attempt.Parent().SpanID() != work.SpanContext().SpanID() || attrs(attempt)["messaging.message.id"] != "q1" || attrs(work)["messaging.message.id"] != "q1" {
			t.Errorf("the attempt is %v below %v", attrs(attempt), attempt.Parent().SpanID())
		}
	}
	if len(after) != 6 || len(traces) != 4 {
		t.Errorf("%d spans in %d traces, want 6, and one for each retry beside that of the session", len(after), len(traces))
	}
}

// TestUnsampledStaysInItsTrace: what was not sampled records nothing, whatever its age, and
// its log lines keep the one trace id; so do those of a server whose spans nobody takes.
func TestUnsampledStaysInItsTrace(t *testing.T) {
	unsampled := someParent[:53] + "00"
	after := otelmail.WithQueueLinkAfter(0)
	work := func(tel *otelmail.Telemetry, parent string) {
		t.Helper()
		work := tel.Queue.Dequeue(t.Context(), ofAge(t, time.Hour, parent), otelmail.MessageFacts{})
		if got := trace.SpanContextFromContext(work.Context()).TraceID().String(); got != someParent[3:35] {
			t.Errorf("the work is in the trace %s", got)
		}
		work.End(otelmail.CauseNone)
	}
	if spans := spansOf(t, func(tel *otelmail.Telemetry) { work(tel, unsampled) }, after); len(spans) != 0 {
		t.Errorf("%d spans of what was not sampled", len(spans))
	}
	nobody, _ := start(t, after)
	untraced := newTelemetry(t, after, otelmail.WithTracerProvider(tracenoop.NewTracerProvider()))
	for _, tel := range []*otelmail.Telemetry{nobody, untraced, otelmail.Noop()} {
		for _, parent := range []string{someParent, unsampled} {
			work(tel, parent)
		}
	}
}

// TestQueueLinkAfterRefuses says what is allowed.
func TestQueueLinkAfterRefuses(t *testing.T) {
	for _, age := range []time.Duration{-time.Second, 31 * 24 * time.Hour} {
		_, err := otelmail.New(otelmail.WithQueueLinkAfter(age))
		want := `WithQueueLinkAfter: "` + age.String() + `" is not allowed: want a duration from 0s to 720h`
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", age, err, want)
		}
	}
	var warned []string
	tel := newTelemetry(t, lookup("RUSMES_QUEUE_LINK_AFTER", "soon"), otelmail.WithErrorHandler(func(err error) { warned = append(warned, err.Error()) }))
	const want = `RUSMES_QUEUE_LINK_AFTER: "soon" is not allowed: want a duration from 0s to 720h; used instead: never: a message is one trace, however late it is tried`
	if tel == nil || len(warned) != 1 || warned[0] != want {
		t.Errorf("warned of %q, want %s", warned, want)
	}
	if _, err := otelmail.New(lookup("RUSMES_QUEUE_LINK_AFTER", "soon"), otelmail.WithStrictSettings()); err == nil {
		t.Error("strict, and no error")
	}
}
