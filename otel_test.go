package otelmail_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// promised is what operators rely on: dashboards, alerts and probes are written
// against these names, types, labels and bounds. It is typed out here, and not
// taken from the Catalog, because it is what the Catalog is checked against.
var promised = []struct {
	name   string
	kind   otelmail.Kind
	label  string
	values []string // nil for an open label
	bounds []float64
}{
	{name: "rusmes_smtp_connections_total"},
	{name: "rusmes_smtp_messages_received_total"},
	{name: "rusmes_smtp_messages_sent_total"},
	{name: "rusmes_smtp_errors_total"},
	{name: "rusmes_smtp_auth_success_total"},
	{name: "rusmes_smtp_auth_failure_total"},
	{name: "rusmes_smtp_messages_rejected_total"},
	{name: "rusmes_smtp_connections_rejected_blocked_total"},
	{name: "rusmes_smtp_connections_rejected_overload_total"},
	{name: "rusmes_imap_connections_total"},
	{name: "rusmes_imap_commands_total"},
	{name: "rusmes_imap_errors_total"},
	{name: "rusmes_jmap_requests_total"},
	{name: "rusmes_jmap_errors_total"},
	{name: "rusmes_push_deliveries_total"},
	{name: "rusmes_push_delivery_failures_total"},
	{name: "rusmes_mail_processed_total"},
	{name: "rusmes_mail_delivered_total"},
	{name: "rusmes_mail_bounced_total"},
	{name: "rusmes_mail_dropped_total"},
	{name: "rusmes_queue_size", kind: otelmail.Gauge},
	{name: "rusmes_queue_retries_total"},
	{name: "rusmes_mailboxes_total", kind: otelmail.Gauge},
	{name: "rusmes_messages_total", kind: otelmail.Gauge},
	{name: "rusmes_storage_bytes", kind: otelmail.Gauge},
	{name: "rusmes_message_processing_latency_seconds", kind: otelmail.Histogram,
		bounds: []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}},
	{name: "rusmes_smtp_session_duration_seconds", kind: otelmail.Histogram,
		bounds: []float64{0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600}},
	{name: "rusmes_active_connections", kind: otelmail.Gauge, label: "protocol",
		values: []string{"imap", "jmap", "pop3", "smtp"}},
	{name: "rusmes_tls_sessions_total", label: "tls", values: []string{"no", "starttls", "yes"}},
	{name: "rusmes_messages_per_domain_total", label: "domain"},
}

// start starts a Telemetry whose metrics can be collected in the test.
func start(t testing.TB, opts ...otelmail.Option) (*otelmail.Telemetry, *otelmail.Reader) {
	t.Helper()
	var reader *otelmail.Reader
	opts = append([]otelmail.Option{
		otelmail.WithoutGlobals(),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithErrorHandler(func(err error) { t.Errorf("background error: %v", err) }),
		otelmail.WithExporter(otelmail.ExporterFunc(func(_ context.Context, p *otelmail.Pipeline) error {
			reader = p.Reader()
			return nil
		})),
	}, opts...)
	tel, err := otelmail.Start(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return tel, reader
}

// collect returns the metrics of our scope by name.
func collect(t testing.TB, r *otelmail.Reader) map[string]metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	all := map[string]metricdata.Metrics{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if _, twice := all[m.Name]; twice {
				t.Errorf("%s: collected twice", m.Name)
			}
			all[m.Name] = m
		}
	}
	return all
}

func TestContract(t *testing.T) {
	_, reader := start(t)
	got := collect(t, reader)
	for _, want := range promised {
		t.Run(want.name, func(t *testing.T) {
			m, ok := got[want.name]
			if !ok {
				t.Fatal("not there at the first collection")
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				if want.kind != otelmail.Counter || !data.IsMonotonic || data.Temporality != metricdata.CumulativeTemporality {
					t.Errorf("is a sum (monotonic %t, %v), want a %v", data.IsMonotonic, data.Temporality, want.kind)
				}
				checkZeros(t, data.DataPoints, want.label, want.values)
			case metricdata.Gauge[int64]:
				if want.kind != otelmail.Gauge {
					t.Errorf("is a gauge, want a %v", want.kind)
				}
				checkZeros(t, data.DataPoints, want.label, want.values)
			case metricdata.Histogram[float64]:
				if want.kind != otelmail.Histogram {
					t.Errorf("is a histogram, want a %v", want.kind)
				}
				if len(data.DataPoints) != 1 || data.DataPoints[0].Count != 0 {
					t.Fatalf("want one empty histogram, got %+v", data.DataPoints)
				}
				p := data.DataPoints[0]
				if !slices.Equal(p.Bounds, want.bounds) || len(p.BucketCounts) != len(want.bounds)+1 {
					t.Errorf("bounds %v, want %v", p.Bounds, want.bounds)
				}
			default:
				t.Errorf("is a %T", data)
			}
			if m.Description == "" || m.Unit == "" {
				t.Errorf("has no help or unit: %q %q", m.Description, m.Unit)
			}
		})
	}
}

func checkZeros(t *testing.T, points []metricdata.DataPoint[int64], label string, values []string) {
	t.Helper()
	var got []string
	for _, p := range points {
		if p.Value != 0 {
			t.Errorf("value %d before any event", p.Value)
		}
		for _, kv := range p.Attributes.ToSlice() {
			if string(kv.Key) != label {
				t.Errorf("label %q, want %q", kv.Key, label)
			}
			got = append(got, kv.Value.AsString())
		}
	}
	slices.Sort(got)
	switch {
	case label == "" && (len(points) != 1 || len(got) != 0):
		t.Errorf("%d points with labels %v, want one without", len(points), got)
	case values != nil && !slices.Equal(got, values):
		t.Errorf("label values %v, want %v", got, values)
	}
}

// TestCatalogHoldsThePromise compares the Catalog with the promise in the other
// direction: a series that is not promised is one of a few that are documented.
func TestCatalogHoldsThePromise(t *testing.T) {
	ours := map[string]otelmail.Metric{}
	for _, m := range otelmail.Catalog() {
		ours[m.FullName("rusmes")] = m
		if m.Help == "" || m.Rise == "" || m.Unit == "" {
			t.Errorf("%s lacks a help text, a meaning or a unit", m.Name)
		}
	}
	for _, want := range promised {
		m, ok := ours[want.name]
		if !ok {
			t.Errorf("%s is not in the Catalog", want.name)
			continue
		}
		if m.Kind != want.kind {
			t.Errorf("%s is a %v in the Catalog, want a %v", want.name, m.Kind, want.kind)
		}
		delete(ours, want.name)
	}
	for name := range ours {
		if name != "rusmes_health_check_status" && !strings.HasPrefix(name, "rusmes_telemetry_") {
			t.Errorf("%s is in the Catalog and not promised", name)
		}
	}
}

func TestNamespace(t *testing.T) {
	tel, reader := start(t, otelmail.WithNamespace("acme_mail"))
	tel.Push.Delivered()
	got := collect(t, reader)
	for _, m := range otelmail.Catalog() {
		if m.Name == "health_check_status" {
			continue // no check is registered, so it has no label set
		}
		if _, ok := got["acme_mail_"+m.Name]; !ok {
			t.Errorf("acme_mail_%s is missing", m.Name)
		}
		if _, ok := got["rusmes_"+m.Name]; ok {
			t.Errorf("rusmes_%s is there beside the other namespace", m.Name)
		}
	}
}

// TestApplicationsOwnProvider binds to a MeterProvider of the application's,
// with its own reader, with delta and cumulative temporality side by side.
func TestApplicationsOwnProvider(t *testing.T) {
	views, err := otelmail.Views()
	if err != nil {
		t.Fatal(err)
	}
	cumulative := sdkmetric.NewManualReader()
	delta := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(cumulative), sdkmetric.WithReader(delta), sdkmetric.WithView(views...))
	t.Cleanup(func() { _ = mp.Shutdown(context.Background()) })
	tel, err := otelmail.New(otelmail.WithMeterProvider(mp))
	if err != nil {
		t.Fatal(err)
	}
	sum := func(r sdkmetric.Reader) int64 {
		var rm metricdata.ResourceMetrics
		if err := r.Collect(t.Context(), &rm); err != nil {
			t.Fatal(err)
		}
		for _, m := range rm.ScopeMetrics[0].Metrics {
			if m.Name == "rusmes_push_deliveries_total" {
				return m.Data.(metricdata.Sum[int64]).DataPoints[0].Value
			}
		}
		t.Fatal("the series is missing")
		return 0
	}
	for i, want := range []struct{ cumulative, delta int64 }{{2, 2}, {4, 2}} {
		tel.Push.Delivered()
		tel.Push.Delivered()
		if c, d := sum(cumulative), sum(delta); c != want.cumulative || d != want.delta {
			t.Errorf("collection %d: cumulative %d, delta %d, want %+v", i+1, c, d, want)
		}
	}
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}
