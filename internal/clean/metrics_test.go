package clean

import (
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Two series, of every kind of metric, whose labels become the same when they are cleaned:
// a page would show only one of them.
func TestMetrics(t *testing.T) {
	first, second := attribute.NewSet(attribute.String("k", "\xe8")), attribute.NewSet(attribute.String("k", "\xe9"))
	leak := []metricdata.Exemplar[int64]{{FilteredAttributes: []attribute.KeyValue{attribute.String("user", "bob")}}}
	now := time.Now()
	numbers := []metricdata.DataPoint[int64]{
		{Attributes: first, Value: 1, Time: now, Exemplars: leak}, {Attributes: second, Value: 2, Time: now.Add(1)}}
	histograms := []metricdata.HistogramDataPoint[int64]{
		{Attributes: first, Count: 1, Sum: 1, BucketCounts: []uint64{1, 0}, Min: metricdata.NewExtrema[int64](1), Max: metricdata.NewExtrema[int64](1)},
		{Attributes: second, Count: 2, Sum: 4, BucketCounts: []uint64{0, 2}, Min: metricdata.NewExtrema[int64](2), Max: metricdata.NewExtrema[int64](2)}}
	exponentials := []metricdata.ExponentialHistogramDataPoint[int64]{{Attributes: first, Count: 1}, {Attributes: second, Count: 2}}
	metrics := []metricdata.Metrics{
		{Name: "n\xff", Description: strings.Repeat("x", 2*MaxText), Unit: "\xff", Data: metricdata.Sum[int64]{DataPoints: append(numbers[:0:0], numbers...)}},
		{Description: "two\nlines", Data: metricdata.Gauge[int64]{DataPoints: numbers}},
		{Data: metricdata.Histogram[int64]{DataPoints: histograms}},
		{Data: metricdata.ExponentialHistogram[int64]{DataPoints: exponentials}},
	}
	Metrics(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: metrics}}})

	if m := metrics[0]; m.Name != "n\uFFFD" || len(m.Description) != MaxText || m.Unit != "\uFFFD" || metrics[1].Description != "two\nlines" {
		t.Errorf("texts: %q, %d bytes, %q, %q", m.Name, len(m.Description), m.Unit, metrics[1].Description)
	}
	want := attribute.NewSet(attribute.String("k", "\uFFFD"))
	sums := metrics[0].Data.(metricdata.Sum[int64]).DataPoints
	if len(sums) != 1 || sums[0].Value != 3 || sums[0].Attributes.Equivalent() != want.Equivalent() || sums[0].Exemplars[0].FilteredAttributes != nil {
		t.Errorf("sum: %+v", sums)
	}
	if p := metrics[1].Data.(metricdata.Gauge[int64]).DataPoints; len(p) != 1 || p[0].Value != 2 {
		t.Errorf("gauge: %+v, want the later value", p)
	}
	h := metrics[2].Data.(metricdata.Histogram[int64]).DataPoints
	if len(h) != 1 || h[0].Count != 3 || h[0].Sum != 5 || h[0].BucketCounts[0] != 1 || h[0].BucketCounts[1] != 2 {
		t.Errorf("histogram: %+v", h)
	} else if least, _ := h[0].Min.Value(); least != 1 {
		t.Errorf("histogram: least %d", least)
	} else if most, _ := h[0].Max.Value(); most != 2 {
		t.Errorf("histogram: most %d", most)
	}
	for _, p := range metrics[3].Data.(metricdata.ExponentialHistogram[int64]).DataPoints {
		if p.Attributes.Equivalent() != want.Equivalent() {
			t.Errorf("exponential histogram: %v", p.Attributes.ToSlice())
		}
	}
}

func TestFitMetricsCostNoAllocation(t *testing.T) {
	points := []metricdata.DataPoint[int64]{{Attributes: attribute.NewSet(attribute.String("k", "v")), Value: 1}}
	rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "n", Description: "help", Data: metricdata.Sum[int64]{DataPoints: points}}}}}}
	if n := testing.AllocsPerRun(100, func() { Metrics(rm) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
