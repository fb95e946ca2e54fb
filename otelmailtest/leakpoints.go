package otelmailtest

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// pointAttributes adds the attributes of a metric's points and of their exemplars.
func pointAttributes(m metricdata.Metrics, add func(place string, attrs []attribute.KeyValue)) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		numbers(m.Name, data.DataPoints, add)
	case metricdata.Sum[float64]:
		numbers(m.Name, data.DataPoints, add)
	case metricdata.Gauge[int64]:
		numbers(m.Name, data.DataPoints, add)
	case metricdata.Gauge[float64]:
		numbers(m.Name, data.DataPoints, add)
	case metricdata.Histogram[int64]:
		buckets(m.Name, data.DataPoints, add)
	case metricdata.Histogram[float64]:
		buckets(m.Name, data.DataPoints, add)
	case metricdata.ExponentialHistogram[int64]:
		exponential(m.Name, data.DataPoints, add)
	case metricdata.ExponentialHistogram[float64]:
		exponential(m.Name, data.DataPoints, add)
	}
}

func numbers[N int64 | float64](name string, points []metricdata.DataPoint[N], add func(string, []attribute.KeyValue)) {
	for _, p := range points {
		add(name, p.Attributes.ToSlice())
		exemplars(name, p.Exemplars, add)
	}
}

func buckets[N int64 | float64](name string, points []metricdata.HistogramDataPoint[N], add func(string, []attribute.KeyValue)) {
	for _, p := range points {
		add(name, p.Attributes.ToSlice())
		exemplars(name, p.Exemplars, add)
	}
}

func exponential[N int64 | float64](name string, points []metricdata.ExponentialHistogramDataPoint[N], add func(string, []attribute.KeyValue)) {
	for _, p := range points {
		add(name, p.Attributes.ToSlice())
		exemplars(name, p.Exemplars, add)
	}
}

func exemplars[N int64 | float64](name string, all []metricdata.Exemplar[N], add func(string, []attribute.KeyValue)) {
	for _, e := range all {
		add(name+", exemplar", e.FilteredAttributes)
	}
}
