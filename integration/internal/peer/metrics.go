package peer

import (
	"math"
	"time"
)

// Metric is one export of one instrument as the Collector received it. A cumulative
// instrument is exported again and again, so the same name comes many times: see
// [Collector.LastMetric].
type Metric struct {
	Name        string
	Description string
	Unit        string
	Kind        string // sum, gauge, histogram, exponential_histogram or summary
	Temporality string // unspecified, delta or cumulative; empty for a gauge and a summary
	Monotonic   bool   // sums only
	Points      []Point
	Scope       Scope
	Resource    map[string]any
	SchemaURL   string // of the resource
}

// Point is the state of one attribute set.
type Point struct {
	Attributes  map[string]any
	Start, Time time.Time
	Value       float64 // sum and gauge; NaN for the other kinds

	// The rest is for histograms; exponential ones and summaries have Count and Sum too.
	Count        uint64
	Sum          float64
	Min, Max     float64   // NaN when not given
	Bounds       []float64 // upper bounds, in the metric's unit, without +Inf
	BucketCounts []uint64  // one more than Bounds; each for its own bucket, not cumulative
	Exemplars    []Exemplar
}

// Exemplar is one recorded value and the span it was recorded in.
type Exemplar struct {
	Value      float64
	Time       time.Time
	TraceID    string         // 32 hexadecimal digits, empty outside a trace
	SpanID     string         // 16 hexadecimal digits, empty outside a span
	Attributes map[string]any // those the point itself does not have
}

// Metrics returns every metric received so far, in the order of arrival.
func (c *Collector) Metrics() []Metric {
	c.t.Helper()
	var all []Metric
	for _, batch := range readBatches[wireMetrics](c, metrics, `{"resourceMetrics":[`) {
		all = append(all, batch.flatten()...)
	}
	return all
}

// LastMetric returns the newest metric of that name; false when none was received yet.
func (c *Collector) LastMetric(name string) (Metric, bool) {
	c.t.Helper()
	all := c.Metrics()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Name == name {
			return all[i], true
		}
	}
	return Metric{}, false
}

func (batch wireMetrics) flatten() []Metric {
	var all []Metric
	for _, resource := range batch.ResourceMetrics {
		attributes := resource.Resource.Attributes.asMap()
		for _, scope := range resource.ScopeMetrics {
			for _, wire := range scope.Metrics {
				metric := wire.flatten()
				metric.Scope, metric.Resource, metric.SchemaURL = scope.Scope.of(scope.SchemaURL), attributes, resource.SchemaURL
				all = append(all, metric)
			}
		}
	}
	return all
}

func (wire wireMetric) flatten() Metric {
	metric := Metric{Name: wire.Name, Description: wire.Description, Unit: wire.Unit}
	temporalities := []string{"unspecified", "delta", "cumulative"}
	var data *wireData
	switch {
	case wire.Sum != nil:
		metric.Kind, data = "sum", wire.Sum
		metric.Monotonic = data.IsMonotonic
		metric.Temporality = label(temporalities, data.AggregationTemporality)
	case wire.Gauge != nil:
		metric.Kind, data = "gauge", wire.Gauge
	case wire.Histogram != nil:
		metric.Kind, data = "histogram", wire.Histogram
		metric.Temporality = label(temporalities, data.AggregationTemporality)
	case wire.ExponentialHistogram != nil:
		metric.Kind, data = "exponential_histogram", wire.ExponentialHistogram
		metric.Temporality = label(temporalities, data.AggregationTemporality)
	case wire.Summary != nil:
		metric.Kind, data = "summary", wire.Summary
	default:
		return metric
	}
	for _, point := range data.DataPoints {
		metric.Points = append(metric.Points, point.flatten())
	}
	return metric
}

func (wire wirePoint) flatten() Point {
	point := Point{
		Attributes: wire.Attributes.asMap(),
		Start:      instant(wire.Start), Time: instant(wire.Time),
		Value: wire.number(),
		Count: wire.Count, Sum: float64(wire.Sum), Min: math.NaN(), Max: math.NaN(),
		BucketCounts: wire.BucketCounts,
	}
	if wire.Min != nil {
		point.Min = float64(*wire.Min)
	}
	if wire.Max != nil {
		point.Max = float64(*wire.Max)
	}
	for _, bound := range wire.ExplicitBounds {
		point.Bounds = append(point.Bounds, float64(bound))
	}
	for _, exemplar := range wire.Exemplars {
		point.Exemplars = append(point.Exemplars, Exemplar{
			Value: exemplar.number(), Time: instant(exemplar.Time),
			TraceID: exemplar.TraceID, SpanID: exemplar.SpanID,
			Attributes: exemplar.FilteredAttributes.asMap(),
		})
	}
	return point
}
