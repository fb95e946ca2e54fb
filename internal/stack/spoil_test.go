package stack_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// noText is what a stranger's mail can contain: bytes that are not UTF-8.
const noText = "caf\xe9 \xff\xfe"

var (
	huge     = strings.Repeat("é", 512<<10) // 1 MiB
	badPairs = []attribute.KeyValue{
		attribute.String("value", noText), attribute.String("key\xff", "v"),
		attribute.StringSlice("list", []string{"fine", noText}),
		{Key: "map", Value: attribute.MapValue(attribute.String("k\xff", noText),
			attribute.KeyValue{Key: "deeper", Value: attribute.SliceValue(attribute.StringValue(noText))})},
	}
)

// spoilers are what an application can do with the providers themselves, without any method
// of this package. Each shows as the page's series of that name, or as one more span or
// log record.
var spoilers = []struct {
	name           string
	do             func(t *testing.T, w *ways)
	series         string
	worth          float64 // what its points add up to, 0 if that does not matter
	spans, records int
}{
	{name: "nothing", do: func(*testing.T, *ways) {}},

	{name: "label", series: "app_total", do: func(t *testing.T, w *ways) { w.add(t, "app", badPairs...) }},
	{name: "labels that become the same", series: "app_total", worth: 2, do: func(t *testing.T, w *ways) {
		w.add(t, "app", attribute.String("value", "caf\xe8"))
		w.add(t, "app", attribute.String("value", "caf\xe9"))
	}},
	{name: "label of a histogram and a gauge", series: "app_gauge", do: func(t *testing.T, w *ways) {
		m := w.MeterProvider().Meter("app")
		h, _ := m.Float64Histogram("app.histogram")
		h.Record(sampled(t), 1, metric.WithAttributes(badPairs...))
		g, _ := m.Int64Gauge("app.gauge")
		g.Record(sampled(t), 1, metric.WithAttributes(badPairs...))
	}},
	{name: "observed label", series: "app_observed", do: func(t *testing.T, w *ways) {
		_, err := w.MeterProvider().Meter("app").Int64ObservableGauge("app.observed", metric.WithInt64Callback(
			func(_ context.Context, o metric.Int64Observer) error {
				o.Observe(1, metric.WithAttributes(badPairs...))
				return nil
			}))
		if err != nil {
			t.Fatal(err)
		}
	}},
	{name: "meter", series: "app_total", do: func(t *testing.T, w *ways) {
		c, err := w.MeterProvider().Meter("meter "+noText, metric.WithInstrumentationVersion(noText),
			metric.WithSchemaURL(noText), metric.WithInstrumentationAttributes(badPairs...)).Int64Counter("app")
		if err != nil {
			t.Fatal(err)
		}
		c.Add(t.Context(), 1)
	}},
	{name: "description and unit", series: "app", do: func(t *testing.T, w *ways) {
		g, err := w.MeterProvider().Meter("app").Int64Gauge("app", metric.WithDescription(noText), metric.WithUnit("{"+noText+"}"))
		if err != nil {
			t.Fatal(err)
		}
		g.Record(t.Context(), 1)
	}},
	{name: "instrument's name", do: func(_ *testing.T, w *ways) {
		c, _ := w.MeterProvider().Meter("app").Int64Counter(noText) // the error is ignored
		c.Add(context.Background(), 1)
	}},
	{name: "label of the catalogue's own scope", series: "app_total", do: func(t *testing.T, w *ways) {
		c, err := w.MeterProvider().Meter(otelmail.ScopeName).Int64Counter("app")
		if err != nil {
			t.Fatal(err)
		}
		c.Add(t.Context(), 1, metric.WithAttributes(badPairs...))
	}},
	{name: "labels of 1 MiB", series: "app_total", do: func(t *testing.T, w *ways) {
		for _, digit := range []string{"1", "2", "3", "4", "5"} {
			w.add(t, "app", attribute.String("label", digit+huge))
		}
	}},
	{name: "values that are none", series: "app_float_total", worth: 1, do: func(t *testing.T, w *ways) {
		c, _ := w.MeterProvider().Meter("app").Float64Counter("app.float")
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1} {
			c.Add(t.Context(), v)
		}
	}},
	{name: "a whole number that is negative", series: "app_int_total", worth: 3, do: func(t *testing.T, w *ways) {
		c, _ := w.MeterProvider().Meter("app").Int64Counter("app.int")
		c.Add(t.Context(), 3)
		c.Add(t.Context(), -5)
	}},
	{name: "callback that fails", series: "app_observed", worth: 1, do: func(t *testing.T, w *ways) {
		w.observe(t, func(_ context.Context, o metric.Int64Observer) error { o.Observe(1); return errors.New("no disk") })
	}},
	{name: "callback that panics", series: "app_observed", worth: 1, do: func(t *testing.T, w *ways) {
		w.observe(t, func(_ context.Context, o metric.Int64Observer) error { o.Observe(1); panic("no disk") })
	}},
	{name: "3,000 label sets", series: "app_total", do: func(t *testing.T, w *ways) {
		for i := range 3000 {
			w.add(t, "app", attribute.Int("n", i))
		}
	}},

	{name: "span", spans: 1, do: func(_ *testing.T, w *ways) {
		tracer := w.TracerProvider().Tracer("tracer "+noText, trace.WithInstrumentationVersion(noText),
			trace.WithSchemaURL(noText), trace.WithInstrumentationAttributes(badPairs...))
		_, span := tracer.Start(context.Background(), noText, trace.WithAttributes(badPairs...))
		span.End()
	}},
	{name: "span's attributes", spans: 1, do: func(_ *testing.T, w *ways) {
		w.span(func(s trace.Span) { s.SetAttributes(badPairs...) })
	}},
	{name: "span's name", spans: 1, do: func(_ *testing.T, w *ways) { w.span(func(s trace.Span) { s.SetName(noText) }) }},
	{name: "span's event", spans: 1, do: func(_ *testing.T, w *ways) {
		w.span(func(s trace.Span) { s.AddEvent(noText, trace.WithAttributes(badPairs...)) })
	}},
	{name: "span's error", spans: 1, do: func(_ *testing.T, w *ways) {
		w.span(func(s trace.Span) { s.RecordError(errors.New(noText), trace.WithStackTrace(true)) })
	}},
	{name: "span's status", spans: 1, do: func(_ *testing.T, w *ways) {
		w.span(func(s trace.Span) { s.SetStatus(codes.Error, noText) })
	}},
	{name: "span's link", spans: 1, do: func(t *testing.T, w *ways) {
		link := trace.Link{SpanContext: trace.SpanContextFromContext(sampled(t)), Attributes: badPairs}
		w.span(func(s trace.Span) { s.AddLink(link) })
	}},
	{name: "spans of 1 MiB", spans: 5, do: func(_ *testing.T, w *ways) {
		for range 5 {
			w.span(func(s trace.Span) { s.SetAttributes(attribute.String("huge", huge)) })
		}
	}},
	{name: "trace state and baggage of a stranger", spans: 1, do: func(t *testing.T, w *ways) {
		ctx := w.Propagator().Extract(t.Context(), propagation.HeaderCarrier(http.Header{
			"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
			"Tracestate":  {"a=" + noText + ",b=" + strings.Repeat("x", 4000)},
			"Baggage":     {"user=%ff%fe,other=" + noText + ",long=" + strings.Repeat("y", 9000)},
		}))
		_, span := w.TracerProvider().Tracer("app").Start(ctx, "app")
		for _, m := range baggage.FromContext(ctx).Members() {
			span.SetAttributes(attribute.String(m.Key(), m.Value()))
		}
		span.End()
	}},

	{name: "logger", records: 1, do: func(_ *testing.T, w *ways) {
		w.LoggerProvider().Logger("logger "+noText, log.WithInstrumentationVersion(noText), log.WithSchemaURL(noText),
			log.WithInstrumentationAttributes(badPairs...)).Emit(context.Background(), log.Record{})
	}},
	{name: "log record", records: 1, do: func(_ *testing.T, w *ways) {
		w.record(func(r *log.Record) {
			r.SetBody(attribute.StringValue(noText))
			r.SetSeverityText(noText)
			r.SetEventName(noText)
			r.AddAttributes(badPairs...)
		})
	}},
	{name: "log record of maps", records: 1, do: func(_ *testing.T, w *ways) {
		w.record(func(r *log.Record) { r.SetBody(attribute.MapValue(badPairs...)) })
	}},
	{name: "log record with an error", records: 1, do: func(_ *testing.T, w *ways) {
		w.record(func(r *log.Record) { r.SetErr(errors.New(noText)) })
	}},
	{name: "log records of 1 MiB", records: 5, do: func(_ *testing.T, w *ways) {
		for range 5 {
			w.record(func(r *log.Record) { r.SetBody(attribute.StringValue(huge)) })
		}
	}},
	{name: "slog", records: 1, do: func(_ *testing.T, w *ways) {
		w.Logger().WithGroup(noText).With(noText, noText).Warn(noText, "err", errors.New(noText), "bytes", []byte(noText),
			"any", map[string]string{noText: noText})
	}},
}

// TestNothingSpoilsTheRest: whatever an application puts into its own
// instruments, spans and records, the page is whole and all three signals
// arrive at a receiver that refuses a request for one bad byte.
func TestNothingSpoilsTheRest(t *testing.T) {
	t.Parallel()
	for _, tc := range spoilers {
		preferences := []otlp.Preference{otlp.Cumulative}
		if tc.spans+tc.records == 0 { // metrics: differences need a further Reader
			preferences = append(preferences, otlp.Delta)
		}
		for _, preference := range preferences {
			t.Run(tc.name+", "+preference.String(), func(t *testing.T) {
				w := bothWays(t, []otlp.Option{otlp.Temporality(preference)})
				tc.do(t, w)
				w.WebPush.GaveUp()
				w.span(func(s trace.Span) { s.SetAttributes(attribute.String("good", "span")) })
				w.record(func(r *log.Record) { r.SetBody(attribute.StringValue("good record")) })
				for range 2 { // what one scrape spoils shows in the next
					w.checkPage(t, tc.series, tc.worth)
				}
				if err := w.Shutdown(context.Background()); err != nil {
					t.Errorf("shutdown: %v", err)
				}
				w.received.check(t, preference, 1+tc.spans, 1+tc.records)
				if got := w.received.sum(strings.TrimSuffix(tc.series, "_total")); tc.worth != 0 && got != tc.worth {
					t.Errorf("OTLP: %s is %v, want %v", tc.series, got, tc.worth)
				}
			})
		}
	}
}
