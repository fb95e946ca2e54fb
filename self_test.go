package otelmail_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric"

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
