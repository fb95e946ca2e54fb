package otelmail

import (
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// finishedSums are the points of a counter or gauge whose label values come and
// go, made without the SDK.
type finishedSums struct {
	metric *Metric
	each   eachLabels
}

// collect has no data where there is no label set: a series without points is none.
func (f finishedSums) collect(name string, begin time.Time) metricdata.Metrics {
	var points []metricdata.DataPoint[int64]
	now := time.Now()
	f.each(func(value int64, l *labels) {
		points = append(points, metricdata.DataPoint[int64]{Attributes: l.set, StartTime: begin, Time: now, Value: value})
	})
	out := metricdata.Metrics{Name: name, Description: f.metric.Help, Unit: f.metric.Unit}
	switch {
	case len(points) == 0:
	case f.metric.Kind == Counter:
		out.Data = metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	default:
		out.Data = metricdata.Gauge[int64]{DataPoints: points}
	}
	return out
}
