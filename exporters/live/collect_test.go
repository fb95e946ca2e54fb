package live

import (
	"math"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

func collected(name string, data metricdata.Aggregation) collection {
	return newCollection(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{
		{Scope: instrumentation.Scope{Name: otelmail.ScopeName}, Metrics: []metricdata.Metrics{{Name: "ns_" + name, Data: data}}},
		{Scope: instrumentation.Scope{Name: "another"}, Metrics: []metricdata.Metrics{{Name: "ns_" + name}}},
	}}, "ns")
}

func TestQuantiles(t *testing.T) {
	explicit := func(counts ...uint64) buckets {
		all := make([]uint64, len(bounds[processing])+1)
		copy(all, counts)
		return collected(processing, metricdata.Histogram[float64]{DataPoints: []metricdata.HistogramDataPoint[float64]{
			{Bounds: bounds[processing], BucketCounts: all}}}).histogram(processing)
	}
	// Scale 0: bucket i ends at 2 to the power of i+1.
	exponential := collected(processing, metricdata.ExponentialHistogram[float64]{DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{
		{ZeroCount: 1, PositiveBucket: metricdata.ExponentialBucket{Offset: -1, Counts: []uint64{1, 2}}}}}).histogram(processing)
	beyond := make([]uint64, len(bounds[processing])+1)
	beyond[len(beyond)-1] = 3
	for name, tc := range map[string]struct {
		now, before buckets
		q, want     float64
	}{
		"nothing":       {q: 0.5, want: math.NaN()},
		"nothing new":   {explicit(4), explicit(4), 0.5, math.NaN()},
		"half a bucket": {explicit(0, 4), buckets{}, 0.5, 0.003}, // 0.001 to 0.005
		"the later one": {explicit(9, 1), explicit(8), 0.99, 0.001 + 0.004*0.98},
		"beyond":        {explicit(beyond...), buckets{}, 0.5, 10},
		"exponential":   {exponential, buckets{}, 0.5, 1}, // of 0, 1 and twice 2
		"of those, all": {exponential, buckets{}, 1, 2.5},
	} {
		if got := tc.now.quantile(processing, tc.before, tc.q); math.Abs(got-tc.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestSums(t *testing.T) {
	set := func(pairs ...string) (s attribute.Set) {
		var all []attribute.KeyValue
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, attribute.String(pairs[i], pairs[i+1]))
		}
		return attribute.NewSet(all...)
	}
	c := collected("x", metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{
		{Attributes: set("fault", "ours", "stage", "data"), Value: 1},
		{Attributes: set("fault", "ours", "stage", "rcpt"), Value: 2},
		{Attributes: set("fault", "theirs", "stage", "rcpt"), Value: 4},
	}})
	for want, match := range map[float64][]string{7: nil, 3: {"fault", "ours"}, 2: {"fault", "ours", "stage", "rcpt"}, 0: {"fault", "x"}} {
		if got := c.sum("x", match...); got != want {
			t.Errorf("%v: %v, want %v", match, got, want)
		}
	}
	if got := collected("x", metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Value: 0.5}}}).sum("x"); got != 0.5 {
		t.Errorf("a gauge: %v", got)
	}
	if got := c.sum("none"); got != 0 {
		t.Errorf("of no series: %v", got)
	}
}
