package otelmail_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
)

// TestEachRefusal counts under its own reason and no other.
func TestEachRefusal(t *testing.T) {
	ctx := context.Background()
	for reason, do := range map[string]func(metric.Meter){
		"not_a_number": func(m metric.Meter) { g, _ := m.Float64Gauge("app.a"); g.Record(ctx, math.NaN()) },
		"infinite":     func(m metric.Meter) { h, _ := m.Float64Histogram("app.b"); h.Record(ctx, math.Inf(1)) },
		"negative":     func(m metric.Meter) { c, _ := m.Int64Counter("app.c"); c.Add(ctx, -1) },
		"callback_error": func(m metric.Meter) {
			_, _ = m.Int64ObservableGauge("app.d", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return errors.New("away") }))
		},
		"callback_panic": func(m metric.Meter) {
			_, _ = m.Int64ObservableGauge("app.e", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { panic("bob@example.org") }))
		},
	} {
		tel, reader := start(t, otelmail.WithErrorHandler(func(error) {}))
		do(tel.MeterProvider().Meter("application"))
		collect(t, reader) // what fails in a collection is counted by its end
		for _, m := range otelmail.Catalog() {
			if m.Name != "telemetry_refused_total" {
				continue
			}
			for _, r := range m.Labels[0].Values {
				want := int64(0)
				if r == reason {
					want = 1
				}
				checkValue(t, tel, want, m.Name, r)
			}
		}
	}
}

// TestEachCleanedText: what is text and fits is not counted; what is none is, by the
// reason that tells an operator more; and what is hashed or left out was never cleaned.
func TestEachCleanedText(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, tc := range []struct {
		text             string
		notText, tooLong int64
	}{
		{"fine", 0, 0}, {"", 0, 0}, {"bücher", 0, 0}, {strings.Repeat("x", 256), 0, 0},
		{"bad\xff", 1, 0}, {"line\r\nbreak", 1, 0}, {"nul\x00", 1, 0}, {long, 0, 1}, {long + "\xff", 1, 0},
	} {
		tel, rec := traced(t)
		enqueue(t.Context(), tel, otelmail.MessageFacts{QueueID: tc.text, MessageID: tc.text, Sender: tc.text}, otelmail.CauseNone)
		checkValue(t, tel, tc.notText, "telemetry_cleaned_total", "not_text")
		checkValue(t, tel, tc.tooLong, "telemetry_cleaned_total", "too_long")
		if got := attrs(rec.Ended()[0])["messaging.message.id"]; (got == tc.text) != (tc.notText+tc.tooLong == 0) || len(got) > 256 {
			t.Errorf("%.20q shows as %.20q", tc.text, got)
		}
	}
}

// TestStatsOfManyExporters add up by signal, at every collection anew; a signal that
// is none of the three moves nothing.
func TestStatsOfManyExporters(t *testing.T) {
	stats := []export.Stats{{Signal: "metrics", Sent: 1}, {Signal: "profiles", Sent: 100}, {Signal: "logs", Waiting: 4, Deferred: 3}, {Signal: "logs", Waiting: 1}}
	tel, reader := start(t, openFunc(func(_ context.Context, p export.Pipeline) error {
		p.OnStats(func() []export.Stats { return stats })
		p.OnStats(func() []export.Stats { return nil })
		p.OnStats(func() []export.Stats {
			return []export.Stats{{Signal: "metrics", Sent: 10, Dropped: 3}}
		})
		return nil
	}))
	want := moves{"telemetry_sent_total/metrics": 11, "telemetry_dropped_total/metrics": 3, "telemetry_waiting/logs": 5, "telemetry_deferred/logs": 3}
	if got := values(t, reader); !maps.Equal(got, want) {
		t.Errorf("moved %v, want %v", got, want)
	}
	stats = []export.Stats{{Signal: "metrics", Sent: 2}, {Signal: "logs", Sent: 5}}
	want = moves{"telemetry_sent_total/metrics": 12, "telemetry_dropped_total/metrics": 3, "telemetry_sent_total/logs": 5}
	if got := values(t, reader); !maps.Equal(got, want) {
		t.Errorf("moved %v, want %v", got, want)
	}
	checkValue(t, tel, 0, "telemetry_waiting", "logs")
}

// TestExportersUnderOpenTelemetrysNames: the same numbers as telemetry_*, for each exporter, in
// the names and labels of the conventions.
func TestExportersUnderOpenTelemetrysNames(t *testing.T) {
	count := func(stats ...export.Stats) export.Exporter {
		return export.Func(func(_ context.Context, p export.Pipeline) error {
			p.OnStats(func() []export.Stats { return stats })
			return nil
		})
	}
	_, reader := start(t,
		otelmail.WithExporter(count(export.Stats{Signal: "traces", Sent: 5, Dropped: 2, Waiting: 1}, export.Stats{Signal: "traces", Sent: 1})),
		otelmail.WithExporter(count(export.Stats{Signal: "traces", Waiting: 7}, export.Stats{Signal: "logs", Sent: 3}, export.Stats{Signal: "metrics", Dropped: 4})))
	got := map[string]int64{}
	for name, m := range collect(t, reader) {
		var points []metricdata.DataPoint[int64]
		if data, ok := m.Data.(metricdata.Sum[int64]); ok && strings.HasPrefix(name, "otel.sdk.") {
			points = data.DataPoints
			if data.IsMonotonic != strings.HasSuffix(name, ".exported") {
				t.Errorf("%s: monotonic %t", name, data.IsMonotonic)
			}
		}
		for _, p := range points {
			component, _ := p.Attributes.Value("otel.component.name")
			kind, _ := p.Attributes.Value("otel.component.type")
			failed, _ := p.Attributes.Value("error.type")
			if component.AsString()[:len(component.AsString())-2] != kind.AsString() {
				t.Errorf("component %s of the type %s", component.AsString(), kind.AsString())
			}
			if p.Value != 0 {
				got[name+component.AsString()[len(kind.AsString()):]+failed.AsString()] = p.Value
			}
		}
	}
	want := map[string]int64{
		"otel.sdk.exporter.span.exported/0": 6, "otel.sdk.exporter.span.exported/0_OTHER": 2, "otel.sdk.exporter.span.inflight/0": 1,
		"otel.sdk.exporter.span.inflight/1": 7, "otel.sdk.exporter.log.exported/1": 3, "otel.sdk.exporter.metric_data_point.exported/1_OTHER": 4,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestTheSDKsOwnSeries: what the SDK counts of itself, by its experimental switch, comes out
// beside ours. It belongs to the process, so it has one of its own.
func TestTheSDKsOwnSeries(t *testing.T) {
	const name = "OTEL_GO_X_OBSERVABILITY"
	if os.Getenv(name) == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestTheSDKsOwnSeries$")
		child.Env = append(os.Environ(), name+"=true")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	tel, err := otelmail.Start(t.Context(), otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		p.AddSpanProcessor(tracetest.NewSpanRecorder())
		return nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	tel.Mail.Process(t.Context(), otelmail.MessageFacts{}).End(otelmail.FateQueued, otelmail.CauseNone)
	collect(t, tel.Reader())
	got := collect(t, tel.Reader())
	for _, series := range []string{"otel.sdk.span.started", "otel.sdk.span.live", "otel.sdk.metric_reader.collection.duration"} {
		if _, there := got[series]; !there {
			t.Errorf("%s is missing", series)
		}
	}
}
