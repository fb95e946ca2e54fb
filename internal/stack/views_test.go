package stack_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

const (
	sessions = "rusmes_smtp_session_duration_seconds"
	active   = "rusmes_active_connections"
)

// throughViews is a Telemetry on an application's own provider with the given Views, with a
// page, and with a push by OpenTelemetry's own exporter.
func throughViews(t *testing.T, views ...sdkmetric.View) (w *ways, push func()) {
	t.Helper()
	w = &ways{received: newReceiver(t)}
	reader, err := otelmail.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	handler, err := prometheus.NewHandler(reader)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	exporter, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(w.received.url+"/v1/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithView(views...),
		sdkmetric.WithReader(reader), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)))
	t.Cleanup(func() { _ = mp.Shutdown(context.Background()) })
	w.Telemetry, err = otelmail.New(otelmail.WithMeterProvider(mp), withoutSettings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Shutdown(context.Background()) })
	w.page = server.URL
	return w, func() {
		if err := mp.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// seen is what a View pins, as it leaves.
type seen struct {
	name, help, unit string
	bounds           []float64
	labels           int
}

func (w *ways) onPage(t *testing.T, histogram, gauge string) []seen {
	t.Helper()
	all := w.families(t)
	h, g := all[histogram], all[gauge]
	if h == nil || g == nil {
		t.Fatalf("%s or %s is not on the page", histogram, gauge)
	}
	var bounds []float64
	for _, b := range h.GetMetric()[0].GetHistogram().GetBucket() {
		bounds = append(bounds, b.GetUpperBound())
	}
	return []seen{{h.GetName(), h.GetHelp(), h.GetUnit(), bounds, 0}, {g.GetName(), g.GetHelp(), g.GetUnit(), nil, len(g.GetMetric()[0].GetLabel())}}
}

func (w *ways) pushed(t *testing.T, histogram, gauge string) []seen {
	t.Helper()
	h, g := w.received.metric(histogram), w.received.metric(gauge)
	if h == nil || g == nil {
		t.Fatalf("%s or %s was not pushed", histogram, gauge)
	}
	return []seen{
		{h.GetName(), h.GetDescription(), h.GetUnit(), h.GetHistogram().GetDataPoints()[0].GetExplicitBounds(), 0},
		{g.GetName(), g.GetDescription(), g.GetUnit(), nil, len(g.GetGauge().GetDataPoints()[0].GetAttributes())},
	}
}

// TestViewsPinWhatLeaves: what the page and the push show of a series comes from
// its View, so that with another View both show another name, help, unit, bounds
// and keys.
func TestViewsPinWhatLeaves(t *testing.T) {
	reader, err := otelmail.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	ours := reader.Views()
	changed := func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
		s, ok := ours[0](i)
		switch i.Name {
		case sessions:
			s.Name, s.Description, s.Unit = "sessions_minutes", "In minutes.", "min"
			s.Aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, 60}, NoMinMax: true}
		case active:
			s.Name, s.Description, s.Unit = "open_now", "Open.", "{session}"
			s.AttributeFilter = attribute.NewAllowKeysFilter()
		}
		return s, ok
	}
	catalogue := map[string]catalog.Metric{}
	for _, m := range otelmail.Catalog() {
		catalogue[m.FullName("rusmes")] = m
	}
	for _, tc := range []struct {
		name string
		view sdkmetric.View
		want []seen
	}{
		{"the package's", ours[0], []seen{
			{sessions, catalogue[sessions].Help, "s", []float64{0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600}, 0},
			{active, catalogue[active].Help, "{connection}", nil, 1}}},
		{"changed", changed, []seen{
			{"sessions_minutes", "In minutes.", "min", []float64{1, 60}, 0},
			{"open_now", "Open.", "{session}", nil, 0}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, push := throughViews(t, tc.view)
			w.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
			push()
			for where, got := range map[string][]seen{
				"page": w.onPage(t, tc.want[0].name, tc.want[1].name),
				"push": w.pushed(t, tc.want[0].name, tc.want[1].name),
			} {
				for i, want := range tc.want {
					if where == "page" {
						want.unit = "" // not in this format
					}
					g := got[i]
					if g.name != want.name || g.help != want.help || g.unit != want.unit || g.labels != want.labels || !slices.Equal(g.bounds, want.bounds) {
						t.Errorf("%s: %+v, want %+v", where, g, want)
					}
				}
			}
		})
	}
}

// TestExponentialHistograms: the option is for the page and the push, OpenTelemetry's
// setting only for the push; both work before the first record too.
func TestExponentialHistograms(t *testing.T) {
	setting := otelmail.WithLookupEnv(func(name string) (string, bool) {
		if name == "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION" {
			return "base2_exponential_bucket_histogram", true
		}
		return "", false
	})
	for _, tc := range []struct {
		name             string
		opt              otelmail.StartOption
		onPage, inPushes bool
	}{
		{"neither", withoutSettings, false, false},
		{"option", otelmail.WithExponentialHistograms(), true, true},
		{"setting", setting, false, true},
	} {
		for _, records := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s, %d records", tc.name, records), func(t *testing.T) {
				w := bothWays(t, []otlp.Option{otlp.Traces(otlp.Off())}, tc.opt)
				app, err := w.MeterProvider().Meter("app").Float64Histogram("app.time")
				if err != nil {
					t.Fatal(err)
				}
				app.Record(t.Context(), 1)
				for range records {
					w.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(otelmail.CauseNone)
				}
				all := w.families(t)
				for name, want := range map[string]int{sessions: records, "app_time": 1} {
					h := all[name].GetMetric()[0].GetHistogram()
					native := h.Schema != nil
					if native != tc.onPage || native == (len(h.GetBucket()) > 0) || int(h.GetSampleCount()) != want {
						t.Errorf("page: %s is native %t with %d buckets, %d samples; want native %t, %d samples",
							name, native, len(h.GetBucket()), h.GetSampleCount(), tc.onPage, want)
					}
				}
				if err := w.Shutdown(context.Background()); err != nil {
					t.Fatal(err)
				}
				for name, want := range map[string]int{sessions: records, "app.time": 1} {
					m := w.received.metric(name)
					got, exponential := m.GetHistogram().GetDataPoints(), m.GetExponentialHistogram().GetDataPoints()
					if (len(exponential) > 0) != tc.inPushes || (len(got) > 0) == tc.inPushes {
						t.Fatalf("push: %s has %d points with buckets and %d exponential ones", name, len(got), len(exponential))
					}
					var count uint64
					for _, p := range got {
						count += p.GetCount()
					}
					for _, p := range exponential {
						count += p.GetCount()
					}
					if int(count) != want {
						t.Errorf("push: %s has %d samples, want %d", name, count, want)
					}
				}
			})
		}
	}
}
