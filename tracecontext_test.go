package otelmail_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

const someParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// newTraced binds to providers of the application's own, with the default options.
func newTraced(t *testing.T, opts ...otelmail.NewOption) (trace.TracerProvider, *tracetest.SpanRecorder, *otelmail.Telemetry) {
	t.Helper()
	rec := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))
	return tp, rec, newTelemetry(t, append(opts, otelmail.WithTracerProvider(tp))...)
}

// TestTraceContextForms: as JSON and as a span context it is the same trace.
func TestTraceContextForms(t *testing.T) {
	for _, tc := range []struct {
		tc    otelmail.TraceContext
		json  string
		valid bool
	}{
		{otelmail.TraceContext{}, `{}`, false},
		{otelmail.TraceContext{Parent: someParent}, `{"traceparent":"` + someParent + `"}`, true},
		{otelmail.TraceContext{Parent: someParent, State: "v=1,w=2"},
			`{"traceparent":"` + someParent + `","tracestate":"v=1,w=2"}`, true},
		{otelmail.TraceContext{State: "v=1"}, `{"tracestate":"v=1"}`, false},
		{otelmail.TraceContext{Parent: "no trace"}, `{"traceparent":"no trace"}`, false},
	} {
		stored, err := json.Marshal(tc.tc)
		if err != nil || string(stored) != tc.json {
			t.Errorf("%+v is stored as %s, %v, want %s", tc.tc, stored, err, tc.json)
		}
		sc := tc.tc.SpanContext()
		if sc.IsValid() != tc.valid || tc.valid && (!sc.IsRemote() || !sc.IsSampled() ||
			sc.TraceID().String() != someParent[3:35] || sc.SpanID().String() != someParent[36:52]) {
			t.Errorf("%+v names %+v", tc.tc, sc)
		}
		if tc.valid && tc.tc.State != "" && sc.TraceState().Get("w") != "2" {
			t.Errorf("%+v has the state %v", tc.tc, sc.TraceState())
		}
	}
}

// TestTraceContextOf is what SpanContext reads back, and nothing where there is no span.
func TestTraceContextOf(t *testing.T) {
	state, err := trace.ParseTraceState("v=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
		sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags, TraceState: state})
		got := otelmail.TraceContextOf(trace.ContextWithSpanContext(t.Context(), sc))
		if !got.SpanContext().Equal(sc.WithRemote(true)) || got.State != "v=1" {
			t.Errorf("%+v became %+v", sc, got)
		}
	}
	for _, ctx := range []context.Context{t.Context(), nil} {
		if got := otelmail.TraceContextOf(ctx); got != (otelmail.TraceContext{}) {
			t.Errorf("a context without a span gives %+v", got)
		}
	}
}

// badParents are no W3C traceparent.
var badParents = []string{
	"", " ", "garbage", "00", strings.Repeat("-", 55), strings.Repeat("0", 1<<16), someParent + "x", someParent[:54], " " + someParent,
	strings.ToUpper(someParent),
	"ff" + someParent[2:],
	"00-00000000000000000000000000000000-b7ad6b7169203331-01",
	"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
	"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
	"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
	"00-\xff\xfe7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX: y",
}

// TestBadStoredTraces: work goes on in the context's own trace, without a link.
func TestBadStoredTraces(t *testing.T) {
	for _, parent := range badParents {
		tc := otelmail.TraceContext{Parent: parent, State: "v=1"}
		rec := recorded(t)
		tel := rec.Tel
		_, outer := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
		tel.Queue.Dequeue(outer.Context(), otelmail.Message{Trace: tc}, otelmail.MessageFacts{}).End(otelmail.CauseNone)
		tel.Delivery.Attempt(outer.Context(), otelmail.Attempt{Queue: tc}).End(otelmail.Reply{Code: 250})
		outer.End(otelmail.CauseNone)
		tel.Queue.Dequeue(t.Context(), otelmail.Message{Trace: tc}, otelmail.MessageFacts{}).End(otelmail.CauseNone)
		tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Queue: tc}).End(otelmail.Reply{Code: 250})
		rec.Tree(`
			queue enqueue [producer]
			  queue dequeue [consumer]
			  deliver smtp [client]
			queue dequeue [consumer]
			deliver smtp [client]`)
		for _, s := range rec.Spans("")[3:] {
			if s.Parent().IsValid() {
				t.Errorf("%.60q: %s has the parent %v", parent, s.Name(), s.Parent())
			}
		}
	}
}

// TestStoredTraceWithABadState: the trace goes on, without the state.
func TestStoredTraceWithABadState(t *testing.T) {
	for _, state := range []string{"=", "v=1,v=1,", "\xff=1", strings.Repeat("v", 1<<16), "v=1\r\nX: y"} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			tel.Queue.Dequeue(t.Context(), otelmail.Message{Trace: otelmail.TraceContext{Parent: someParent, State: state}}, otelmail.MessageFacts{}).End(otelmail.CauseNone)
		})
		if got := s.SpanContext(); got.TraceID().String() != someParent[3:35] || strings.Contains(got.TraceState().String(), "\r") || !utf8.ValidString(got.TraceState().String()) {
			t.Errorf("%.20q: trace %v with the state %q", state, got.TraceID(), got.TraceState())
		}
	}
}

// TestSamplingIsDecidedOnce, by the session that accepted the message, hours before.
func TestSamplingIsDecidedOnce(t *testing.T) {
	for flags, want := range map[string]int{"01": 2, "00": 0} {
		tc := otelmail.TraceContext{Parent: someParent[:53] + flags}
		spans := spansOf(t, func(tel *otelmail.Telemetry) {
			d := tel.Queue.Dequeue(t.Context(), otelmail.Message{Trace: tc}, otelmail.MessageFacts{})
			if got := d.Span().SpanContext(); got.TraceID().String() != someParent[3:35] || got.IsSampled() != (want > 0) {
				t.Errorf("flags %s: the work is in %v, sampled %t", flags, got.TraceID(), got.IsSampled())
			}
			tel.Delivery.Attempt(d.Context(), otelmail.Attempt{}).End(otelmail.Reply{Code: 250})
			d.End(otelmail.CauseNone)
		}, lookup()) // the default sampler
		if len(spans) != want {
			t.Errorf("flags %s: %d spans, want %d", flags, len(spans), want)
		}
	}
}

// TestAttemptElsewhere: a process that has nothing but what was stored has a trace of its
// own, tied by a link; one whose context holds a span stays in that trace.
func TestAttemptElsewhere(t *testing.T) {
	spans := spansOf(t, func(tel *otelmail.Telemetry) {
		a := otelmail.Attempt{Queue: otelmail.TraceContext{Parent: someParent}}
		tel.Delivery.Attempt(t.Context(), a).End(otelmail.Reply{Code: 250})
		worker, span := tel.TracerProvider().Tracer("worker").Start(t.Context(), "worker")
		tel.Delivery.Attempt(worker, a).End(otelmail.Reply{Code: 250})
		span.End()
		//nolint:staticcheck // a nil context is the mistake under test
		tel.Delivery.Attempt(nil, a).End(otelmail.Reply{Code: 250})
		//nolint:staticcheck // a nil context is the mistake under test
		tel.Queue.Dequeue(nil, otelmail.Message{Trace: a.Queue}, otelmail.MessageFacts{}).End(otelmail.CauseNone)
	})
	for _, s := range []sdktrace.ReadOnlySpan{spans[0], spans[1], spans[3], spans[4]} {
		if l := s.Links(); len(l) != 1 || l[0].SpanContext.SpanID().String() != someParent[36:52] {
			t.Errorf("%s is linked to %v, want the stored span", s.Name(), l)
		}
	}
	if spans[0].Parent().IsValid() || spans[0].SpanContext().TraceID().String() == someParent[3:35] {
		t.Error("the attempt is in the stored trace")
	}
	if spans[1].Parent().SpanID() != spans[2].SpanContext().SpanID() {
		t.Error("the attempt has left the worker's trace")
	}
}

// TestHandlesGiveTheirContext: all work in a handle's context is its child, and a handle's
// span takes attributes of the application's own.
func TestHandlesGiveTheirContext(t *testing.T) {
	type handle interface {
		Context() context.Context
		Span() trace.Span
	}
	tel, _ := traced(t)
	ctx := t.Context()
	smtp, pop3 := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{}), tel.POP3.Session(ctx, otelmail.Conn{})
	imap := tel.IMAP.Session(ctx, otelmail.Conn{})
	_, queueing := tel.Queue.Enqueue(ctx, otelmail.MessageFacts{})
	for name, h := range map[string]handle{
		"SMTPSession": smtp, "SMTPCommand": smtp.Command(mailconv.SMTPData), "POP3Session": pop3, "POP3Command": pop3.Command(mailconv.POP3Retr),
		"IMAPCommand": imap.Command(mailconv.IMAPFetch), "JMAPCall": tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{}),
		"Queueing":   queueing,
		"Dequeueing": tel.Queue.Dequeue(ctx, otelmail.Message{}, otelmail.MessageFacts{}),
		"Processing": tel.Mail.Process(ctx, otelmail.MessageFacts{}), "Stage": tel.Mail.Stage(ctx, "s", otelmail.MessageFacts{}),
		"Delivering": tel.Delivery.Attempt(ctx, otelmail.Attempt{}), "Notifying": tel.WebPush.Attempt(ctx, ""),
	} {
		if in := trace.SpanFromContext(h.Context()); !h.Span().IsRecording() || in != h.Span() {
			t.Errorf("%s: the context holds %v, the handle %v", name, in, h.Span())
		}
	}
	if imap.Span().IsRecording() {
		t.Error("an IMAP session has a span")
	}
}
