package otelmailtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// sample is a value as a line of /metrics has it.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// String is what stands before the value on /metrics.
func (s sample) String() string {
	if len(s.labels) == 0 {
		return s.name
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(s.labels)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", key, s.labels[key]))
	}
	return s.name + "{" + strings.Join(pairs, ",") + "}"
}

// collect reads all metrics.
func (r *Recorder) collect() metricdata.ResourceMetrics {
	r.t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Tel.Reader().Collect(context.Background(), &all); err != nil {
		r.t.Errorf("otelmailtest: %v", err)
	}
	return all
}

// samples reads the series of the catalogue.
func (r *Recorder) samples() (all []sample) {
	r.t.Helper()
	for _, scope := range r.collect().ScopeMetrics {
		if scope.Scope.Name != otelmail.ScopeName {
			continue
		}
		for _, m := range scope.Metrics {
			all = append(all, samplesOf(m)...)
		}
	}
	return all
}

// read has the samples by their text.
func (r *Recorder) read() map[string]float64 {
	r.t.Helper()
	values := map[string]float64{}
	for _, s := range r.samples() {
		values[s.String()] = s.value
	}
	return values
}

func samplesOf(m metricdata.Metrics) (all []sample) {
	add := func(suffix string, labels map[string]string, value float64) {
		all = append(all, sample{m.Name + suffix, labels, value})
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			add("", labelsOf(p.Attributes), float64(p.Value))
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			add("", labelsOf(p.Attributes), float64(p.Value))
		}
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			add("", labelsOf(p.Attributes), p.Value)
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			add("", labelsOf(p.Attributes), p.Value)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			labels := labelsOf(p.Attributes)
			add("_count", labels, float64(p.Count))
			add("_sum", labels, p.Sum)
			below := uint64(0)
			for i, n := range p.BucketCounts {
				below += n
				bucket := maps.Clone(labels)
				bucket["le"] = "+Inf"
				if i < len(p.Bounds) {
					bucket["le"] = formatBound(p.Bounds[i])
				}
				add("_bucket", bucket, float64(below))
			}
		}
	case metricdata.ExponentialHistogram[float64]: // which has no documented buckets
		for _, p := range data.DataPoints {
			add("_count", labelsOf(p.Attributes), float64(p.Count))
			add("_sum", labelsOf(p.Attributes), p.Sum)
		}
	}
	return all
}

func labelsOf(set attribute.Set) map[string]string {
	labels := map[string]string{}
	for _, kv := range set.ToSlice() {
		labels[string(kv.Key)] = kv.Value.String()
	}
	return labels
}

// steady are the series of which [Recorder.Moved] says that nothing else has moved: counters,
// and gauges of what there is. Times, ages and shares of a disk move by themselves.
func steady(namespace string) map[string]bool {
	names := map[string]bool{}
	for _, m := range otelmail.Catalog() {
		if m.Kind == catalog.Counter || m.Kind == catalog.Gauge && m.Unit != "s" && m.Unit != "1" {
			names[m.FullName(namespace)] = true
		}
	}
	return names
}
