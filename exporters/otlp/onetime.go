package otlp

import (
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// setTime gives all points of a collection its time. The SDK gives each instrument one of its
// own, a little later than that of the one before. Prometheus makes a sample of target_info of
// the first and the last time of each request, and refuses the request if these are not later
// than, or equal to, what it has: so a request that was sent again, or a part of a collection
// whose instruments were read before those in another part, would be lost. A difference begins
// where the one before ended, at the time of the collection before.
func setTime(all *metricdata.ResourceMetrics, before, now time.Time) {
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Gauge[int64]:
				setPoints(d.DataPoints, before, now, false)
			case metricdata.Gauge[float64]:
				setPoints(d.DataPoints, before, now, false)
			case metricdata.Sum[int64]:
				setPoints(d.DataPoints, before, now, isDelta(d.Temporality))
			case metricdata.Sum[float64]:
				setPoints(d.DataPoints, before, now, isDelta(d.Temporality))
			case metricdata.Histogram[int64]:
				setHistograms(d.DataPoints, before, now, isDelta(d.Temporality))
			case metricdata.Histogram[float64]:
				setHistograms(d.DataPoints, before, now, isDelta(d.Temporality))
			case metricdata.ExponentialHistogram[int64]:
				setExponential(d.DataPoints, before, now, isDelta(d.Temporality))
			case metricdata.ExponentialHistogram[float64]:
				setExponential(d.DataPoints, before, now, isDelta(d.Temporality))
			case metricdata.Summary:
				for i := range d.DataPoints {
					d.DataPoints[i].Time = now
				}
			}
		}
	}
}

func isDelta(t metricdata.Temporality) bool { return t == metricdata.DeltaTemporality }

func setPoints[N int64 | float64](points []metricdata.DataPoint[N], before, now time.Time, difference bool) {
	for i := range points {
		set(&points[i].StartTime, &points[i].Time, before, now, difference)
	}
}

func setHistograms[N int64 | float64](points []metricdata.HistogramDataPoint[N], before, now time.Time, difference bool) {
	for i := range points {
		set(&points[i].StartTime, &points[i].Time, before, now, difference)
	}
}

func setExponential[N int64 | float64](points []metricdata.ExponentialHistogramDataPoint[N], before, now time.Time, difference bool) {
	for i := range points {
		set(&points[i].StartTime, &points[i].Time, before, now, difference)
	}
}

func set(begin, end *time.Time, before, now time.Time, difference bool) {
	*end = now
	if difference && begin.Before(before) {
		*begin = before
	}
}
