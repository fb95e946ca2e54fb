package otelmail

import (
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
)

// Views pins each series of the catalogue in a MeterProvider: its name, help
// and unit, its bucket bounds and the attribute keys it may carry. [Start] uses
// them; an application that builds its own MeterProvider adds them with
// [sdkmetric.WithView]. Of the options Views heeds [WithNamespace].
//
// The number of label sets is bounded where the values enter, because a View
// cannot limit it.
func Views(opts ...Option) ([]sdkmetric.View, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("otelmail: views: %w", err)
	}
	return views(c.namespace), nil
}

// views returns one View that looks the instrument up, rather than one View a
// series: the SDK asks every View about every new instrument of the process.
func views(namespace string) []sdkmetric.View {
	streams := make(map[string]sdkmetric.Stream, len(definitions))
	for _, d := range definitions {
		streams[d.FullName(namespace)] = d.stream(namespace)
	}
	return []sdkmetric.View{func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
		if i.Scope.Name != ScopeName {
			return sdkmetric.Stream{}, false
		}
		s, ok := streams[i.Name]
		return s, ok
	}}
}

// ScopeName is the instrumentation scope of every instrument and tracer here.
const ScopeName = "github.com/rusmes/otelmail"

// scope is the scope with the module's version.
func scope() instrumentation.Scope {
	return instrumentation.Scope{Name: ScopeName, Version: Version}
}

func (m *Metric) stream(namespace string) sdkmetric.Stream {
	s := sdkmetric.Stream{
		Name:        m.FullName(namespace),
		Description: m.Help,
		Unit:        m.Unit,
	}
	if m.Kind == Histogram {
		// No filter on a histogram: it slows every record, and ours are
		// recorded with prebuilt options only. What a filter drops would
		// still show in the exemplars.
		s.Aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: m.Buckets, NoMinMax: true}
		return s
	}
	keys := make([]attribute.Key, len(m.Labels))
	for i, k := range m.keys() {
		keys[i] = attribute.Key(k)
	}
	s.AttributeFilter = attribute.NewAllowKeysFilter(keys...)
	// Observable instruments are observed outside any span, so an exemplar
	// could never be offered; the default reservoirs cost kilobytes a series.
	s.ExemplarReservoirProviderSelector = func(sdkmetric.Aggregation) exemplar.ReservoirProvider {
		return exemplar.FixedSizeReservoirProvider(0)
	}
	return s
}
