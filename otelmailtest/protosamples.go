package otelmailtest

import (
	"maps"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// toSamples is a metric as lines of /metrics have it; difference says that the values are
// what has been added since the last push.
func toSamples(m *metricspb.Metric) (all []sample, difference bool) {
	add := func(suffix string, labels map[string]string, value float64) {
		all = append(all, sample{m.GetName() + suffix, labels, value})
	}
	number := func(p *metricspb.NumberDataPoint) {
		add("", toLabels(p.GetAttributes()), p.GetAsDouble()+float64(p.GetAsInt())) // one of them is 0
	}
	var temporality metricspb.AggregationTemporality
	switch data := m.GetData().(type) {
	case *metricspb.Metric_Sum:
		temporality = data.Sum.GetAggregationTemporality()
		for _, p := range data.Sum.GetDataPoints() {
			number(p)
		}
	case *metricspb.Metric_Gauge:
		for _, p := range data.Gauge.GetDataPoints() {
			number(p)
		}
	case *metricspb.Metric_Histogram:
		temporality = data.Histogram.GetAggregationTemporality()
		for _, p := range data.Histogram.GetDataPoints() {
			labels := toLabels(p.GetAttributes())
			add("_count", labels, float64(p.GetCount()))
			add("_sum", labels, p.GetSum())
			below := uint64(0)
			for i, n := range p.GetBucketCounts() {
				below += n
				bucket := maps.Clone(labels)
				bucket["le"] = "+Inf"
				if i < len(p.GetExplicitBounds()) {
					bucket["le"] = formatBound(p.GetExplicitBounds()[i])
				}
				add("_bucket", bucket, float64(below))
			}
		}
	case *metricspb.Metric_ExponentialHistogram:
		temporality = data.ExponentialHistogram.GetAggregationTemporality()
		for _, p := range data.ExponentialHistogram.GetDataPoints() {
			add("_count", toLabels(p.GetAttributes()), float64(p.GetCount()))
			add("_sum", toLabels(p.GetAttributes()), p.GetSum())
		}
	}
	return all, temporality == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
}

func toLabels(all []*commonpb.KeyValue) map[string]string {
	labels := map[string]string{}
	for _, kv := range toAttributes(all) {
		labels[string(kv.Key)] = kv.Value.String()
	}
	return labels
}
