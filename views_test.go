package otelmail_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// stream asks the Views what becomes of an instrument.
func stream(t *testing.T, i sdkmetric.Instrument, opts ...otelmail.ReaderOption) (sdkmetric.Stream, bool) {
	t.Helper()
	reader, err := otelmail.NewReader(opts...)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range reader.Views() {
		if s, ok := v(i); ok {
			return s, true
		}
	}
	return sdkmetric.Stream{}, false
}

func ours(name string) sdkmetric.Instrument {
	return sdkmetric.Instrument{Name: name, Scope: instrumentation.Scope{Name: otelmail.ScopeName}}
}

// TestViewsPinEachSeries: name, help, unit, bounds and keys, under every namespace.
func TestViewsPinEachSeries(t *testing.T) {
	for _, namespace := range []string{"rusmes", "acme"} {
		for _, m := range otelmail.Catalog() {
			name := m.FullName(namespace)
			s, ok := stream(t, ours(name), otelmail.WithNamespace(namespace))
			if !ok || s.Name != name || s.Description != m.Help || s.Unit != m.Unit {
				t.Errorf("%s: pinned %t as %+v", name, ok, s)
			}
			if m.Kind == catalog.Histogram {
				a, ok := s.Aggregation.(sdkmetric.AggregationExplicitBucketHistogram)
				if !ok || !slices.Equal(a.Boundaries, m.Buckets) || !a.NoMinMax {
					t.Errorf("%s: aggregation %+v, want the bounds %v", name, s.Aggregation, m.Buckets)
				}
				continue
			}
			for _, l := range m.Labels {
				if !s.AttributeFilter(attribute.String(l.Key, "x")) {
					t.Errorf("%s drops its own label %s", name, l.Key)
				}
			}
			for _, foreign := range []attribute.Key{"user", "otel_scope_name", "", "Protocol"} {
				if s.AttributeFilter(foreign.String("x")) {
					t.Errorf("%s lets %q through", name, foreign)
				}
			}
		}
	}
}

// TestViewsLeaveOthersAlone: instruments of other scopes and of other names.
func TestViewsLeaveOthersAlone(t *testing.T) {
	for _, i := range []sdkmetric.Instrument{
		{Name: "rusmes_queue_size"}, {Name: "rusmes_queue_size", Scope: instrumentation.Scope{Name: "app"}},
		ours("acme_queue_size"), ours("queue_size"), ours("rusmes_queue_sizes"), ours("RUSMES_queue_size"), ours(""),
	} {
		if s, ok := stream(t, i); ok {
			t.Errorf("%+v is pinned as %+v", i, s)
		}
	}
}

func TestViewsOfExponentialHistograms(t *testing.T) {
	s, _ := stream(t, ours("rusmes_smtp_session_duration_seconds"), otelmail.WithExponentialHistograms())
	if a, ok := s.Aggregation.(sdkmetric.AggregationBase2ExponentialHistogram); !ok || a.MaxSize != 160 || a.MaxScale != 20 || !a.NoMinMax {
		t.Errorf("aggregation %+v", s.Aggregation)
	}
}

// TestForeignAttributesAreDropped: whoever observes a counter of ours with more keys than
// it may have, the page and the push do not show them.
func TestForeignAttributesAreDropped(t *testing.T) {
	mp, reader := provider(t, nil)
	m := mp.Meter(otelmail.ScopeName)
	c, err := m.Int64ObservableCounter("rusmes_tls_sessions_total")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(c, 3, metric.WithAttributes(attribute.String("tls", "yes"), attribute.String("user", "bob@example.org")))
		return nil
	}, c); err != nil {
		t.Fatal(err)
	}
	points := collect(t, reader)["rusmes_tls_sessions_total"].Data.(metricdata.Sum[int64]).DataPoints
	if want := attribute.NewSet(attribute.String("tls", "yes")); len(points) != 1 || points[0].Value != 3 || !points[0].Attributes.Equals(&want) {
		t.Errorf("points %+v", points)
	}
}

// TestNewReaderHeedsItsOptions: the namespace and the form of what it adds itself, and the
// limit of the SDK, which must leave room for the domains that are asked for.
func TestNewReaderHeedsItsOptions(t *testing.T) {
	namespace := otelmail.WithNamespace("acme")
	mp, reader := provider(t, nil, namespace, otelmail.WithExponentialHistograms())
	newTelemetry(t, namespace, otelmail.WithMeterProvider(mp))
	all := collect(t, reader)
	for _, m := range otelmail.Catalog() {
		if m.Kind != catalog.Histogram || !m.Preset() {
			continue
		}
		if _, ok := all["acme_"+m.Name].Data.(metricdata.ExponentialHistogram[float64]); !ok {
			t.Errorf("acme_%s is a %T before its first record", m.Name, all["acme_"+m.Name].Data)
		}
	}
	if strings.Contains(strings.Join(slices.Collect(maps.Keys(all)), " "), "rusmes_") {
		t.Error("there are series of the default namespace")
	}
}

// TestReaderProduces what it collects, for bridges that take a producer.
func TestReaderProduces(t *testing.T) {
	tel, reader := start(t)
	tel.WebPush.GaveUp()
	scopes, err := reader.Produce(t.Context())
	if err != nil || len(scopes) != 1 || scopes[0].Scope.Name != otelmail.ScopeName || scopes[0].Scope.Version != otelmail.Version {
		t.Fatalf("produced %+v, %v", scopes, err)
	}
	if got, want := len(scopes[0].Metrics), len(collect(t, reader)); got != want {
		t.Errorf("produced %d series, collected %d", got, want)
	}
	loose, err := otelmail.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	if scopes, err := loose.Produce(t.Context()); err == nil || scopes != nil {
		t.Errorf("a reader of no provider produces %v, %v", scopes, err)
	}
}

// TestReaderAfterShutdown says so, and never what was.
func TestReaderAfterShutdown(t *testing.T) {
	mp, reader := provider(t, nil)
	if err := mp.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err == nil || !strings.Contains(err.Error(), "collect metrics") {
		t.Errorf("error %v", err)
	}
}

// TestReaderReportsFailedCallbacks to the handler, and hands out the rest.
func TestReaderReportsFailedCallbacks(t *testing.T) {
	var reported []string
	own, err := otelmail.NewReader(otelmail.WithErrorHandler(func(err error) { reported = append(reported, err.Error()) }))
	if err != nil {
		t.Fatal(err)
	}
	m := sdkProvider(own).Meter("application")
	_, _ = m.Int64ObservableGauge("app.bad", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return context.DeadlineExceeded }))
	good, _ := m.Int64Counter("app.good")
	good.Add(t.Context(), 7)
	if got := collect(t, own)["app.good"].Data.(metricdata.Sum[int64]).DataPoints[0].Value; got != 7 {
		t.Errorf("the other series is %d", got)
	}
	if len(reported) != 1 || !containsAll(reported[0], "a callback failed", "the other series go out") {
		t.Errorf("reported %q", reported)
	}
}

// TestCatalogIsACopy: what a caller does to it changes no View and no page.
func TestCatalogIsACopy(t *testing.T) {
	for _, m := range otelmail.Catalog() {
		for i := range m.Labels {
			m.Labels[i].Key = "stolen"
		}
		for i := range m.Buckets {
			m.Buckets[i] = -1
		}
	}
	previous := ""
	for _, m := range otelmail.Catalog() {
		if m.Name <= previous {
			t.Errorf("%s comes after %s", m.Name, previous)
		}
		previous = m.Name
		for _, l := range m.Labels {
			if l.Key == "stolen" {
				t.Errorf("%s has lost its label", m.Name)
			}
		}
		if len(m.Buckets) > 0 && m.Buckets[0] < 0 {
			t.Errorf("%s has lost its bounds", m.Name)
		}
	}
}

func TestKinds(t *testing.T) {
	for k, want := range map[catalog.Kind]string{catalog.Counter: "counter", catalog.Gauge: "gauge", catalog.Histogram: "histogram", 9: "unknown"} {
		if got := k.String(); got != want {
			t.Errorf("kind %d is %q, want %q", uint8(k), got, want)
		}
	}
}
