package otelmail_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
)

// sampled is the context of a sampled span, whose measurements have exemplars.
func sampled(t *testing.T) context.Context {
	return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab, 15: 0xcd}, SpanID: trace.SpanID{0x12, 7: 0x34}, TraceFlags: trace.FlagsSampled,
	}))
}

// TestDroppedAttributesLeaveNoTrace: an attribute that an application's View drops is not
// in the exemplars either, where the SDK puts it.
func TestDroppedAttributesLeaveNoTrace(t *testing.T) {
	reader, err := otelmail.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...), sdkmetric.WithView(
		sdkmetric.NewView(sdkmetric.Instrument{Name: "app.*"}, sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter()})))
	tel, err := otelmail.New(otelmail.WithMeterProvider(mp))
	if err != nil {
		t.Fatal(err)
	}
	secret := metric.WithAttributes(attribute.String("user", "bob@example.org"))
	h, _ := mp.Meter("app").Float64Histogram("app.histogram")
	h.Record(sampled(t), 1, secret)
	c, _ := mp.Meter("app").Int64Counter("app.counter")
	c.Add(sampled(t), 1, secret)
	tel.SMTP.Session(sampled(t), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)

	all := collect(t, reader)
	exemplars := map[string]int{}
	check := func(name string, id []byte, dropped []attribute.KeyValue) {
		exemplars[name]++
		if len(dropped) > 0 || len(id) == 0 {
			t.Errorf("%s has an exemplar of trace %x with %v", name, id, dropped)
		}
	}
	for name, m := range all {
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, e := range data.DataPoints[0].Exemplars {
				check(name, e.TraceID, e.FilteredAttributes)
			}
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				for _, e := range p.Exemplars {
					check(name, e.TraceID, e.FilteredAttributes)
				}
			}
		}
	}
	for _, name := range []string{"app.histogram", "app.counter", "rusmes_smtp_session_duration_seconds"} {
		if exemplars[name] != 1 {
			t.Errorf("%s has %d exemplars, want 1", name, exemplars[name])
		}
	}
}

// TestSeriesHaveNoReservoirs: when every measurement may become an exemplar, the SDK gives
// each series of a sum space for as many as there are processors: 10 kB with 64.
func TestSeriesHaveNoReservoirs(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXEMPLAR_FILTER", "always_on")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(64))
	const domains = 2000
	tel, reader := start(t, otelmail.WithDomainLimit(domains))
	for i := range domains {
		accept(tel, fmt.Sprintf("u@d%d.example", i))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	collect(t, reader)
	runtime.ReadMemStats(&after)
	if perSeries := (after.TotalAlloc - before.TotalAlloc) / domains; perSeries > 4000 {
		t.Errorf("a collection allocates %d bytes for each series", perSeries)
	}
}
