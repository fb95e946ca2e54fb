package encode

import (
	"math"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/encoding/protowire"
)

// Metrics returns an ExportMetricsServiceRequest.
func Metrics(all *metricdata.ResourceMetrics) []byte {
	var m message
	outer := m.begin(1)
	m.resource(all.Resource)
	for _, s := range all.ScopeMetrics {
		inner := m.begin(2)
		m.scope(s.Scope)
		for _, one := range s.Metrics {
			at := m.begin(2)
			m.metric(one)
			m.end(at)
		}
		m.text(3, s.Scope.SchemaURL)
		m.end(inner)
	}
	m.text(3, all.Resource.SchemaURL())
	m.end(outer)
	return m
}

// The fields of Metric that hold its points.
const (
	gaugeData       = 5
	sumData         = 7
	histogramData   = 9
	exponentialData = 10
	summaryData     = 11
)

func (m *message) metric(one metricdata.Metrics) {
	m.text(1, one.Name)
	m.text(2, one.Description)
	m.text(3, one.Unit)
	switch d := one.Data.(type) {
	case metricdata.Gauge[int64]:
		points(m, gaugeData, d.DataPoints, number, 0, false)
	case metricdata.Gauge[float64]:
		points(m, gaugeData, d.DataPoints, number, 0, false)
	case metricdata.Sum[int64]:
		points(m, sumData, d.DataPoints, number, d.Temporality, d.IsMonotonic)
	case metricdata.Sum[float64]:
		points(m, sumData, d.DataPoints, number, d.Temporality, d.IsMonotonic)
	case metricdata.Histogram[int64]:
		points(m, histogramData, d.DataPoints, histogram, d.Temporality, false)
	case metricdata.Histogram[float64]:
		points(m, histogramData, d.DataPoints, histogram, d.Temporality, false)
	case metricdata.ExponentialHistogram[int64]:
		points(m, exponentialData, d.DataPoints, exponential, d.Temporality, false)
	case metricdata.ExponentialHistogram[float64]:
		points(m, exponentialData, d.DataPoints, exponential, d.Temporality, false)
	case metricdata.Summary:
		points(m, summaryData, d.DataPoints, summary, 0, false)
	}
}

// points writes the points of a metric, with what stands beside them in all kinds of it.
func points[T any](m *message, field protowire.Number, all []T, write func(*message, *T), t metricdata.Temporality, monotonic bool) {
	outer := m.begin(field)
	for i := range all {
		at := m.begin(1)
		write(m, &all[i])
		m.end(at)
	}
	m.varint(2, temporality(t))
	m.boolean(3, monotonic)
	m.end(outer)
}

// temporality is an AggregationTemporality.
func temporality(t metricdata.Temporality) uint64 {
	switch t {
	case metricdata.DeltaTemporality:
		return 1
	case metricdata.CumulativeTemporality:
		return 2
	}
	return 0
}

func number[N int64 | float64](m *message, p *metricdata.DataPoint[N]) {
	m.time(2, p.StartTime)
	m.time(3, p.Time)
	numeric(m, 4, p.Value)
	exemplars(m, 5, p.Exemplars)
	m.set(7, p.Attributes.Iter())
}

// numeric writes a value, as a double, or as an integer in field 6.
func numeric[N int64 | float64](m *message, double protowire.Number, value N) {
	switch v := any(value).(type) {
	case int64:
		m.fixed64Always(6, uint64(v))
	case float64:
		m.doubleAlways(double, v)
	}
}

func histogram[N int64 | float64](m *message, p *metricdata.HistogramDataPoint[N]) {
	m.time(2, p.StartTime)
	m.time(3, p.Time)
	m.fixed64(4, p.Count)
	m.doubleAlways(5, float64(p.Sum))
	if len(p.BucketCounts) > 0 {
		at := m.begin(6)
		for _, n := range p.BucketCounts {
			*m = protowire.AppendFixed64(*m, n)
		}
		m.end(at)
	}
	if len(p.Bounds) > 0 {
		at := m.begin(7)
		for _, bound := range p.Bounds {
			*m = protowire.AppendFixed64(*m, math.Float64bits(bound))
		}
		m.end(at)
	}
	exemplars(m, 8, p.Exemplars)
	m.set(9, p.Attributes.Iter())
	extreme(m, 11, p.Min)
	extreme(m, 12, p.Max)
}

func extreme[N int64 | float64](m *message, field protowire.Number, e metricdata.Extrema[N]) {
	if v, known := e.Value(); known {
		m.doubleAlways(field, float64(v))
	}
}

func exponential[N int64 | float64](m *message, p *metricdata.ExponentialHistogramDataPoint[N]) {
	m.set(1, p.Attributes.Iter())
	m.time(2, p.StartTime)
	m.time(3, p.Time)
	m.fixed64(4, p.Count)
	m.doubleAlways(5, float64(p.Sum))
	m.zigzag(6, p.Scale)
	m.fixed64(7, p.ZeroCount)
	m.buckets(8, p.PositiveBucket)
	m.buckets(9, p.NegativeBucket)
	exemplars(m, 11, p.Exemplars)
	extreme(m, 12, p.Min)
	extreme(m, 13, p.Max)
	m.double(14, p.ZeroThreshold)
}

func (m *message) buckets(field protowire.Number, b metricdata.ExponentialBucket) {
	outer := m.begin(field)
	m.zigzag(1, b.Offset)
	if len(b.Counts) > 0 {
		at := m.begin(2)
		for _, n := range b.Counts {
			*m = protowire.AppendVarint(*m, n)
		}
		m.end(at)
	}
	m.end(outer)
}

func summary(m *message, p *metricdata.SummaryDataPoint) {
	m.time(2, p.StartTime)
	m.time(3, p.Time)
	m.fixed64(4, p.Count)
	m.double(5, p.Sum)
	for _, q := range p.QuantileValues {
		at := m.begin(6)
		m.double(1, q.Quantile)
		m.double(2, q.Value)
		m.end(at)
	}
	m.set(7, p.Attributes.Iter())
}

func exemplars[N int64 | float64](m *message, field protowire.Number, all []metricdata.Exemplar[N]) {
	for i := range all {
		e := &all[i]
		at := m.begin(field)
		m.time(2, e.Time)
		numeric(m, 3, e.Value)
		m.bytes(4, e.SpanID)
		m.bytes(5, e.TraceID)
		m.attributes(7, e.FilteredAttributes)
		m.end(at)
	}
}
