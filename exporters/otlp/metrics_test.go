package otlp_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

func TestMetricsAreRepeatedAtTheInterval(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env("OTEL_METRIC_EXPORT_INTERVAL", "20"), push(append(only("metrics"), otlp.Endpoint(r.httpURL()))...))
	count(t, tel, "c", 2)
	eventually(t, "three pushes", func() bool { _, _, n := r.counts(); return n >= 3 })
	count(t, tel, "c", 5)
	if err := shutdown(tel, patience); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	sum, temporality := r.sum("c", false)
	if sum != 7 || temporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
		t.Errorf("the last push says %v (%v), want 7 (cumulative)", sum, temporality)
	}
}

func TestTemporality(t *testing.T) {
	delta := metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	for _, tt := range []struct {
		name string
		env  []string
		opts []otlp.Option
	}{
		{"delta by environment", []string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"}, nil},
		{"lowmemory by environment", []string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "lowmemory"}, nil},
		{"delta by option", nil, []otlp.Option{otlp.Temporality(otlp.Delta)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			opts := append(only("metrics"), otlp.Endpoint(r.httpURL()), otlp.Interval(10*time.Millisecond))
			tel, _ := start(t, env(tt.env...), push(append(opts, tt.opts...)...))
			for range 5 {
				count(t, tel, "c", 2)
				_, _, before := r.counts()
				eventually(t, "a further push", func() bool { _, _, n := r.counts(); return n > before })
			}
			if err := shutdown(tel, patience); err != nil {
				t.Fatalf("Shutdown: %v", err)
			}
			sum, temporality := r.sum("c", true)
			if sum != 10 || temporality != delta {
				t.Errorf("the pushes add up to %v (%v), want 10 (delta)", sum, temporality)
			}
		})
	}
}

func TestExponentialHistograms(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
		push(append(only("metrics"), otlp.Endpoint(r.httpURL()))...))
	h, err := tel.MeterProvider().Meter("test").Float64Histogram("h")
	if err != nil {
		t.Fatal(err)
	}
	h.Record(t.Context(), 1.5)
	if err := shutdown(tel, patience); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	for _, m := range r.metrics[0] {
		if m.GetName() == "h" {
			if m.GetExponentialHistogram() == nil {
				t.Errorf("h is a %T", m.GetData())
			}
			return
		}
	}
	t.Error("h did not arrive")
}

func TestCatalogueIsPushed(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env(), otelmail.WithNamespace("post"), push(append(only("metrics"), otlp.Endpoint(r.httpURL()))...))
	count(t, tel, "c", 1, attribute.String("bad", "\xff\xfe"))
	if err := shutdown(tel, patience); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	names := map[string]bool{}
	for _, m := range r.metrics[0] {
		names[m.GetName()] = true
	}
	for _, want := range []string{"c", "post_smtp_connections_total", "post_smtp_session_duration_seconds"} {
		if !names[want] {
			t.Errorf("%s was not pushed", want)
		}
	}
}

// The series of many domains are more than a receiver takes at once.
func TestManySeriesAreSplit(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env(), push(append(only("metrics"), otlp.Endpoint(r.httpURL()))...))
	const series = 1900 // the SDK joins what is beyond 2,000
	for i := range series {
		count(t, tel, "c", int64(i), attribute.String("k", strings.Repeat("x", 4000)+strconv.Itoa(i)))
	}
	count(t, tel, "d", 5)
	if err := shutdown(tel, patience); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	if sum, _ := r.sum("c", true); sum != series*(series-1)/2 {
		t.Errorf("the parts add up to %v, want %v", sum, series*(series-1)/2)
	}
	if sum, _ := r.sum("d", true); sum != 5 {
		t.Errorf("the other counter is %v, want 5", sum)
	}
	if _, _, n := r.counts(); n < 3 || n > 6 {
		t.Errorf("%d requests for 8 MB", n)
	}
}

// The catalogue's counters and histograms are exact whatever the temporality
// and the kind of histogram.
func TestCatalogueUnderEveryPreference(t *testing.T) {
	const exponential = "base2_exponential_bucket_histogram"
	for _, preference := range []otlp.Preference{otlp.Cumulative, otlp.Delta, otlp.LowMemory} {
		for _, aggregation := range []string{"explicit_bucket_histogram", exponential} {
			t.Run(preference.String()+" "+aggregation, func(t *testing.T) {
				noLeak(t)
				r := newReceiver(t, nil)
				tel, _ := start(t, env("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", aggregation),
					push(append(only("metrics"), otlp.Endpoint(r.httpURL()), otlp.Temporality(preference), otlp.Interval(10*time.Millisecond))...))
				for range 3 {
					tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
					tel.WebPush.Attempt(t.Context(), "").End(otelmail.WebPushReply{Status: 201})
					_, _, before := r.counts()
					eventually(t, "a further push", func() bool { _, _, n := r.counts(); return n > before })
				}
				if err := shutdown(tel, patience); err != nil {
					t.Fatalf("Shutdown: %v", err)
				}
				deliveries, temporality := r.sum("rusmes_push_deliveries_total", preference == otlp.Delta)
				if deliveries != 3 {
					t.Errorf("%v deliveries (%v), want 3", deliveries, temporality)
				}
				if n := r.histogramCount("rusmes_smtp_session_duration_seconds", preference != otlp.Cumulative); n != 3 {
					t.Errorf("%d sessions in the histogram, want 3", n)
				}
			})
		}
	}
}
