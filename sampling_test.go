package otelmail_test

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/sampling"
	"github.com/rusmes/otelmail/mailconv"
)

// ofSampling are the values of a span's tracestate that are about sampling.
func ofSampling(sc trace.SpanContext) (th, rv string) {
	for pair := range strings.SplitSeq(sc.TraceState().Get("ot"), ";") {
		switch key, value, _ := strings.Cut(pair, ":"); key {
		case "th":
			th = value
		case "rv":
			rv = value
		}
	}
	return th, rv
}

// weight is for how many spans a sampled one stands, as docs/sampling.md says; 0 where that
// is not known.
func weight(t *testing.T, sc trace.SpanContext) float64 {
	t.Helper()
	th, _ := ofSampling(sc)
	if th == "" {
		return 0
	}
	dropped, err := strconv.ParseUint((th + strings.Repeat("0", 14))[:14], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return math.Pow(16, 14) / (math.Pow(16, 14) - float64(dropped))
}

// TestWeights: what is counted from the spans that were kept, each by its weight, is about
// what there was, whatever the share.
func TestWeights(t *testing.T) {
	const all = 2000
	for _, tc := range []struct {
		env   []string
		th    string
		share float64
	}{
		{nil, "0", 1},
		{[]string{"OTEL_TRACES_SAMPLER", "always_on"}, "0", 1},
		{[]string{"OTEL_TRACES_SAMPLER", "parentbased_always_on"}, "0", 1},
		{[]string{"OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0.25"}, "c", 0.25},
		{[]string{"OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0.25"}, "c", 0.25},
		{[]string{"RUSMES_TRACING_SAMPLE_RATIO", "0.1"}, "e666", 0.1},
	} {
		tel, rec := traced(t, lookup(tc.env...))
		for range all {
			s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			s.Command(mailconv.SMTPNoop).End(otelmail.Reply{Code: 250})
			s.End(otelmail.CauseNone)
		}
		counted := map[string]float64{}
		for _, s := range rec.Ended() {
			if th, _ := ofSampling(s.SpanContext()); th != tc.th {
				t.Fatalf("%v: %s has the threshold %q, want %q", tc.env, s.Name(), th, tc.th)
			}
			counted[s.Name()] += weight(t, s.SpanContext())
		}
		// Ten times the standard deviation of the estimate on either side.
		margin := 10 * math.Sqrt(all*(1-tc.share)/tc.share)
		for _, name := range []string{"SMTP session", "SMTP NOOP"} {
			if math.Abs(counted[name]-all) > margin {
				t.Errorf("%v: %.0f of %s counted, want %d ± %.0f", tc.env, counted[name], name, all, margin)
			}
		}
		if s, c := counted["SMTP session"], counted["SMTP NOOP"]; math.Abs(s-c) > 0.1 {
			t.Errorf("%v: %v sessions, and %v commands of theirs", tc.env, s, c)
		}
	}
}

// TestRandomFlag: trace ids made here are random, and every span says so, sampled or not. Of
// an application's own provider that is the provider's business.
func TestRandomFlag(t *testing.T) {
	for ratio, want := range map[float64]string{1: "03", 0: "02"} {
		exported, _ := traced(t, otelmail.WithSampleRatio(ratio))
		bare, _ := start(t, otelmail.WithSampleRatio(ratio))
		for name, tel := range map[string]*otelmail.Telemetry{"with an exporter": exported, "without one": bare} {
			s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			c := s.Command(mailconv.SMTPData)
			m, q := tel.Queue.Enqueue(c.Context(), otelmail.MessageFacts{})
			for of, tc := range map[string]otelmail.TraceContext{
				"session": otelmail.TraceContextOf(s.Context()), "command": otelmail.TraceContextOf(c.Context()), "message": m.Trace,
				"message in another process": otelmail.TraceContextOf(tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Queue: m.Trace}).Context()),
			} {
				if !strings.HasSuffix(tc.Parent, "-"+want) {
					t.Errorf("%v %s: %s is %s, want the flags %s", ratio, name, of, tc.Parent, want)
				}
			}
			q.End(otelmail.CauseNone)
			c.End(otelmail.Reply{Code: 250})
			s.End(otelmail.CauseNone)
		}
	}
	_, _, own := newTraced(t)
	if tc := otelmail.TraceContextOf(own.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).Context()); !strings.HasSuffix(tc.Parent, "-01") {
		t.Errorf("an application's provider: %s", tc.Parent)
	}
}

// TestTracestateSurvivesTheQueue, in the server's memory and in its file, across a restart.
func TestTracestateSurvivesTheQueue(t *testing.T) {
	before, _ := traced(t, otelmail.WithSampleRatio(1))
	m, q := before.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
	q.End(otelmail.CauseNone)
	file, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(file), `"tracestate":"ot=th:0"`) {
		t.Errorf("stored is %s", file)
	}
	var loaded otelmail.Message
	if err := json.Unmarshal(file, &loaded); err != nil {
		t.Fatal(err)
	}
	// After the restart the share is another one. The message's is what it was.
	s := spanOf(t, func(tel *otelmail.Telemetry) {
		tel.Queue.Dequeue(t.Context(), loaded, otelmail.MessageFacts{}).End(otelmail.CauseNone)
	}, otelmail.WithSampleRatio(0.001))
	if sc := s.SpanContext(); sc.TraceState().String() != "ot=th:0" || sc.TraceFlags() != trace.FlagsSampled|trace.FlagsRandom {
		t.Errorf("the work on it has the flags %s and the tracestate %q", sc.TraceFlags(), sc.TraceState())
	}
}

// TestLinkedTracesAreSampledAlike: a process that has nothing but the stored trace context
// samples its own trace as the message's, whatever its own share; so no link points at nothing.
func TestLinkedTracesAreSampledAlike(t *testing.T) {
	accepts, _ := start(t, otelmail.WithSampleRatio(0.5))
	alike := map[string]*otelmail.Telemetry{}
	recs := map[string]*tracetest.SpanRecorder{}
	for _, name := range []string{"0.5", "0.001", "1"} {
		ratio, _ := strconv.ParseFloat(name, 64)
		alike[name], recs[name] = traced(t, otelmail.WithSampleRatio(ratio))
	}
	alike["without an exporter"], _ = start(t, otelmail.WithSampleRatio(0.001))
	rec := tracetest.NewSpanRecorder()
	consistent := sdktrace.WithSampler(sdktrace.ParentBased(sampling.Probability(0.5)))
	alike["a provider of its own"] = newTelemetry(t, otelmail.WithTracerProvider(sdktrace.NewTracerProvider(consistent, sdktrace.WithSpanProcessor(rec))))
	recs["a provider of its own"] = rec

	decided := map[bool]int{}
	for range 200 {
		m, q := accepts.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
		stored := m.Trace.SpanContext()
		decided[stored.IsSampled()]++
		id := stored.TraceID().String()
		for name, tel := range alike {
			a := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Queue: m.Trace})
			sc := trace.SpanContextFromContext(a.Context())
			th, rv := ofSampling(sc)
			if sc.TraceID() == stored.TraceID() || !sc.IsValid() {
				t.Errorf("%s: the trace %v is no trace of its own", name, sc.TraceID())
			}
			if sc.IsSampled() != stored.IsSampled() || rv != id[len(id)-14:] || (th == "8") != stored.IsSampled() {
				t.Errorf("%s: sampled %t with %q, the message %t with %q", name, sc.IsSampled(), sc.TraceState(), stored.IsSampled(), stored.TraceState())
			}
			a.End(otelmail.Reply{Code: 250})
		}
		q.End(otelmail.CauseNone)
	}
	if decided[true] == 0 || decided[false] == 0 {
		t.Fatalf("decided only %v", decided)
	}
	for name, rec := range recs {
		if got := len(rec.Ended()); got != decided[true] {
			t.Errorf("%s: %d spans, want %d", name, got, decided[true])
		}
		for _, s := range rec.Ended() {
			if l := s.Links(); len(l) != 1 || !l[0].SpanContext.IsSampled() {
				t.Errorf("%s: linked to %v, want the message's span", name, l)
			}
		}
	}
}

// TestNoLinkToNothing: where work stays in a trace that was decided without the message's, it is
// linked to the message's trace only if that was sampled.
func TestNoLinkToNothing(t *testing.T) {
	for flags, want := range map[string]int{"01": 1, "00": 0} {
		spans := spansOf(t, func(tel *otelmail.Telemetry) {
			worker := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			tel.Delivery.Attempt(worker.Context(), otelmail.Attempt{Queue: otelmail.TraceContext{Parent: someParent[:53] + flags}}).End(otelmail.Reply{Code: 250})
			worker.End(otelmail.CauseNone)
		})
		if got := len(spans[0].Links()); got != want {
			t.Errorf("flags %s: %d links, want %d", flags, got, want)
		}
	}
}

// TestNobodyElseIsFollowed: a link that an application gives a span of its own, which may be a
// stranger's, decides nothing.
func TestNobodyElseIsFollowed(t *testing.T) {
	stranger := otelmail.TraceContext{Parent: someParent[:53] + "00", State: "ot=th:0;rv:ffffffffffffff"}.SpanContext()
	for ratio, want := range map[float64]int{0: 0, 1: 1} {
		s := spansOf(t, func(tel *otelmail.Telemetry) {
			_, span := tel.TracerProvider().Tracer("app").Start(context.Background(), "request", trace.WithLinks(trace.Link{SpanContext: stranger}))
			span.End()
		}, otelmail.WithSampleRatio(ratio))
		if len(s) != want {
			t.Errorf("ratio %v: %d spans, want %d", ratio, len(s), want)
		}
	}
}
