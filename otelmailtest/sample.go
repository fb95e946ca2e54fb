package otelmailtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/series"
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

func labelsOf(set attribute.Set) map[string]string { return attributes(set.ToSlice()) }

// byThemselves are series of what Telemetry has to do to push, and one that is 1 all the time.
var byThemselves = []string{series.BuildInfo, series.SelfSent, series.SelfWaiting, series.SelfDeferred}

// steady are the series of which [Recorder.Moved] says that nothing else has moved: counters,
// and gauges of what there is. Times, ages and shares of a disk move by themselves, too.
func steady(namespace string) map[string]bool {
	names := map[string]bool{}
	for _, m := range otelmail.Catalog() {
		still := m.Kind == catalog.Counter || m.Kind == catalog.Gauge && m.Unit != "s" && m.Unit != "1"
		names[m.FullName(namespace)] = still && !slices.Contains(byThemselves, m.Name)
	}
	return names
}
