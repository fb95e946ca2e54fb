package stack_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// ways is a Telemetry with both ways out: a page, and a push to a receiver.
type ways struct {
	*otelmail.Telemetry
	page     string // the URL
	received *receiver
}

func bothWays(t *testing.T, push []otlp.Option, opts ...otelmail.StartOption) *ways {
	t.Helper()
	w := &ways{received: newReceiver(t)}
	server := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	opts = append([]otelmail.StartOption{otelmail.WithoutGlobals(), withoutSettings, otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)),
		otelmail.WithErrorHandler(func(error) {}), otelmail.WithExporter(server),
		otlp.Push(append([]otlp.Option{otlp.Endpoint(w.received.url)}, push...)...)}, opts...)
	tel, err := otelmail.Start(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	w.Telemetry, w.page = tel, "http://"+server.Addr().String()+"/metrics"
	return w
}

// The instruments, spans and records of an application.

func (w *ways) add(t *testing.T, name string, attrs ...attribute.KeyValue) {
	t.Helper()
	c, err := w.MeterProvider().Meter("app").Int64Counter(name)
	if err != nil {
		t.Fatal(err)
	}
	c.Add(sampled(t), 1, metric.WithAttributes(attrs...))
}

func (w *ways) observe(t *testing.T, f metric.Int64Callback) {
	t.Helper()
	if _, err := w.MeterProvider().Meter("app").Int64ObservableGauge("app.observed", metric.WithInt64Callback(f)); err != nil {
		t.Fatal(err)
	}
}

func (w *ways) span(f func(trace.Span)) {
	_, span := w.TracerProvider().Tracer("app").Start(context.Background(), "app")
	f(span)
	span.End()
}

func (w *ways) record(f func(*log.Record)) {
	var r log.Record
	f(&r)
	w.LoggerProvider().Logger("app").Emit(context.Background(), r)
}

// sampled is the context of a sampled span, whose measurements have exemplars.
func sampled(t *testing.T) context.Context {
	return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab, 15: 0xcd}, SpanID: trace.SpanID{0x12, 7: 0x34}, TraceFlags: trace.FlagsSampled,
	}))
}

// scrape is the page in the format asked for.
func (w *ways) scrape(t *testing.T, accept string) (text string, format expfmt.Format) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.page, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %.500s", accept, resp.Status, err, body)
	}
	return string(body), expfmt.ResponseFormat(resp.Header)
}

const (
	classicText = "text/plain"
	openMetrics = "application/openmetrics-text;version=1.0.0"
	protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

// checkPage wants the whole catalogue on the page, whatever else is there, and
// the series named, with the value unless that is 0.
func (w *ways) checkPage(t *testing.T, series string, worth float64) {
	t.Helper()
	for _, accept := range []string{classicText, openMetrics, protobuf} {
		page, format := w.scrape(t, accept)
		if len(page) > 1<<20 || accept != protobuf && !utf8.ValidString(page) {
			t.Errorf("%s: a page of %d bytes", accept, len(page))
		}
		if accept == openMetrics {
			if !strings.Contains(page, "\nrusmes_push_delivery_failures_total 1.0") || !strings.HasSuffix(page, "# EOF\n") {
				t.Errorf("%s: not whole: %.500s", accept, page)
			}
			continue
		}
		all := decode(t, page, format)
		for _, name := range alwaysThere() {
			if all[name] == nil {
				t.Errorf("%s: %s is missing", accept, name)
			}
		}
		if v := all["rusmes_push_delivery_failures_total"].GetMetric()[0].GetCounter().GetValue(); v != 1 {
			t.Errorf("%s: %v notifications given up, want 1", accept, v)
		}
		if series != "" && all[series] == nil {
			t.Errorf("%s: %s is missing", accept, series)
		}
		for _, m := range all[series].GetMetric() {
			if got := m.GetCounter().GetValue() + m.GetGauge().GetValue(); worth != 0 && got != worth {
				t.Errorf("%s: %s is %v, want %v", accept, series, got, worth)
			}
		}
	}
}

// families are the families of the page, read as protobuf.
func (w *ways) families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	page, format := w.scrape(t, protobuf)
	return decode(t, page, format)
}

func decode(t *testing.T, page string, format expfmt.Format) map[string]*dto.MetricFamily {
	t.Helper()
	all := map[string]*dto.MetricFamily{}
	dec := expfmt.NewDecoder(strings.NewReader(page), format)
	for {
		mf := &dto.MetricFamily{}
		if err := dec.Decode(mf); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		all[mf.GetName()] = mf
	}
}

// withoutSettings keeps the machine's OTEL_* and RUSMES_* out of a test.
var withoutSettings = otelmail.WithLookupEnv(func(string) (string, bool) { return "", false })

// alwaysThere are the series that are shown before any event.
func alwaysThere() (names []string) {
	for _, m := range otelmail.Catalog() {
		if m.Preset() {
			names = append(names, m.FullName("rusmes"))
		}
	}
	return names
}
