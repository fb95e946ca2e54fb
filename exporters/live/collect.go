package live

import (
	"math"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// collection is what the Reader has handed out, by the catalogue's names.
type collection map[string]metricdata.Aggregation

func newCollection(rm *metricdata.ResourceMetrics, namespace string) collection {
	c := collection{}
	for _, sm := range rm.ScopeMetrics {
		if sm.Scope.Name != otelmail.ScopeName {
			continue
		}
		for _, m := range sm.Metrics {
			c[strings.TrimPrefix(m.Name, namespace+"_")] = m.Data
		}
	}
	return c
}

// each calls fn with each label set of a counter or a gauge.
func (c collection) each(name string, fn func(label func(key string) string, value float64)) {
	switch data := c[name].(type) {
	case metricdata.Sum[int64]:
		points(data.DataPoints, fn)
	case metricdata.Gauge[int64]:
		points(data.DataPoints, fn)
	case metricdata.Gauge[float64]:
		points(data.DataPoints, fn)
	}
}

func points[N int64 | float64](all []metricdata.DataPoint[N], fn func(func(string) string, float64)) {
	for _, p := range all {
		fn(labels(p.Attributes), float64(p.Value))
	}
}

func labels(set attribute.Set) func(string) string {
	return func(key string) string {
		v, _ := set.Value(attribute.Key(key))
		return v.AsString()
	}
}

// sum adds up the label sets that have all of the labels, which are key, value, key, value.
func (c collection) sum(name string, match ...string) (sum float64) {
	c.each(name, func(label func(string) string, value float64) {
		if matches(label, match) {
			sum += value
		}
	})
	return sum
}

func matches(label func(string) string, match []string) bool {
	for i := 0; i+1 < len(match); i += 2 {
		if label(match[i]) != match[i+1] {
			return false
		}
	}
	return true
}

// buckets are how many values a histogram has up to each of its bounds; the last is for
// those beyond.
type buckets [20]float64

// bounds are those that the catalogue documents.
var bounds = func() map[string][]float64 {
	all := map[string][]float64{}
	for _, m := range otelmail.Catalog() {
		if len(m.Buckets) > 0 && len(m.Buckets) < len(buckets{}) {
			all[m.Name] = m.Buckets
		}
	}
	return all
}()

// histogram adds up the label sets that have all of the labels. Exponential buckets go
// where their upper bounds belong.
func (c collection) histogram(name string, match ...string) (b buckets) {
	add := func(upper float64, n uint64) {
		i := 0
		for i < len(bounds[name]) && upper > bounds[name][i]*(1+1e-9) {
			i++
		}
		b[i] += float64(n)
	}
	switch data := c[name].(type) {
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			if !matches(labels(p.Attributes), match) {
				continue
			}
			for i, n := range p.BucketCounts {
				upper := math.Inf(1)
				if i < len(p.Bounds) {
					upper = p.Bounds[i]
				}
				add(upper, n)
			}
		}
	case metricdata.ExponentialHistogram[float64]:
		for _, p := range data.DataPoints {
			if !matches(labels(p.Attributes), match) {
				continue
			}
			add(0, p.ZeroCount)
			for i, n := range p.PositiveBucket.Counts {
				add(math.Exp2(float64(int(p.PositiveBucket.Offset)+i+1)*math.Exp2(-float64(p.Scale))), n)
			}
		}
	}
	return b
}

// quantile is where the share q of the values that came since before lies below: within its
// bucket by even distribution, beyond the last bound that bound. It is NaN without values.
func (b buckets) quantile(name string, before buckets, q float64) float64 {
	all := 0.0
	for i := range b {
		b[i] -= before[i]
		all += b[i]
	}
	if all <= 0 {
		return math.NaN()
	}
	below, lower := 0.0, 0.0
	for i, upper := range bounds[name] {
		if b[i] > 0 && below+b[i] >= q*all {
			return lower + (upper-lower)*(q*all-below)/b[i]
		}
		below, lower = below+b[i], upper
	}
	return lower
}
