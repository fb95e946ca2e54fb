package otelmail

import (
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/schema"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
)

// Views pins each series of the catalogue in a MeterProvider: its name, help and unit,
// its bucket bounds and the attribute keys it may carry. [Start] uses them; an
// application that builds its own MeterProvider adds those of a Reader that has the
// same options as its Telemetry, with [sdkmetric.WithView].
//
// The number of label sets is bounded where the values enter, because a View
// cannot limit it. A histogram's keys are those it is recorded with: the SDK's
// filter would double the cost of every record, and drop nothing.
func (r *Reader) Views() []sdkmetric.View { return views(r.namespace, r.form) }

// histogramForm is what the Views make of the catalogue's histograms.
type histogramForm uint8

const (
	// explicitBuckets are the documented bounds.
	explicitBuckets histogramForm = iota
	// exponentialBuckets are native histograms for Prometheus.
	exponentialBuckets
	// formOfReader leaves the choice to each reader, where a push asks for
	// exponential histograms beside a page with the documented bounds: a View
	// applies to all readers. The bounds are then those that the instrument was
	// created with, which are the same.
	formOfReader
)

// exponentialAggregation has the size and scale that the metrics SDK
// specification recommends, and no minimum or maximum: those of a whole lifetime
// are of no use.
var exponentialAggregation = sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20, NoMinMax: true}

// histograms is the form that the options ask for.
func (c *config) histograms() histogramForm {
	if c.exponential {
		return exponentialBuckets
	}
	return explicitBuckets
}

// views returns one View that looks the instrument up, rather than one View a
// series: the SDK asks every View about every new instrument of the process.
func views(namespace string, form histogramForm) []sdkmetric.View {
	streams := make(map[string]sdkmetric.Stream, len(definitions))
	for _, d := range definitions {
		streams[d.FullName(namespace)] = stream(d, namespace, form)
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

// scope is the scope with the module's version and that of our conventions, which name that
// of OpenTelemetry's.
func scope() instrumentation.Scope {
	return instrumentation.Scope{Name: ScopeName, Version: Version, SchemaURL: schema.URL}
}

func stream(m *catalog.Metric, namespace string, form histogramForm) sdkmetric.Stream {
	s := sdkmetric.Stream{
		Name:        m.FullName(namespace),
		Description: m.Help,
		Unit:        m.Unit,
	}
	if m.Kind == catalog.Histogram {
		switch form {
		case explicitBuckets:
			s.Aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: m.Buckets, NoMinMax: true}
		case exponentialBuckets:
			s.Aggregation = exponentialAggregation
		}
		return s
	}
	keys := make([]attribute.Key, len(m.Labels))
	for i, l := range m.Labels {
		keys[i] = attribute.Key(l.Key)
	}
	s.AttributeFilter = attribute.NewAllowKeysFilter(keys...)
	// Observable instruments are observed outside any span, so an exemplar
	// could never be offered; the default reservoirs cost kilobytes a series.
	s.ExemplarReservoirProviderSelector = func(sdkmetric.Aggregation) exemplar.ReservoirProvider {
		return exemplar.FixedSizeReservoirProvider(0)
	}
	return s
}
