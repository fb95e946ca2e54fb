package otelmail

import (
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// emptyHistogram is a histogram of the catalogue before its first record.
type emptyHistogram struct {
	metric      *Metric
	exponential bool
	begin       time.Time
}

func newEmptyHistogram(m *Metric, exponential bool) *emptyHistogram {
	return &emptyHistogram{m, exponential, time.Now()}
}

func (e *emptyHistogram) collect(name string) metricdata.Metrics {
	out := metricdata.Metrics{Name: name, Description: e.metric.Help, Unit: e.metric.Unit}
	now := time.Now()
	if e.exponential {
		out.Data = metricdata.ExponentialHistogram[float64]{
			Temporality: metricdata.CumulativeTemporality,
			DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{
				StartTime: e.begin, Time: now, Scale: exponentialAggregation.MaxScale}},
		}
		return out
	}
	out.Data = metricdata.Histogram[float64]{
		Temporality: metricdata.CumulativeTemporality,
		DataPoints: []metricdata.HistogramDataPoint[float64]{{
			StartTime: e.begin, Time: now, Bounds: e.metric.Buckets, BucketCounts: make([]uint64, len(e.metric.Buckets)+1)}},
	}
	return out
}
