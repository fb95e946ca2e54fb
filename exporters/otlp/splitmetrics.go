package otlp

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail/internal/clean"
)

// splitMetrics calls send with parts of all that are estimated to fit one request, and
// with the number of data points in each: the series of thousands of domains may be
// more than a receiver takes at once. Empty metrics are left out.
func splitMetrics(all *metricdata.ResourceMetrics, send func(part *metricdata.ResourceMetrics, points int64)) {
	var part *metricdata.ResourceMetrics
	var size int
	var points int64
	flush := func() {
		if points > 0 {
			send(part, points)
		}
		part, size, points = &metricdata.ResourceMetrics{Resource: all.Resource}, 0, 0
	}
	flush()
	for _, scope := range all.ScopeMetrics {
		fresh := true // part has no entry for this scope yet
		for _, m := range scope.Metrics {
			eachPiece(m, func(piece metricdata.Metrics, n, weight int) {
				if size > 0 && size+weight > maxBatch {
					flush()
					fresh = true
				}
				if fresh {
					part.ScopeMetrics = append(part.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope.Scope})
					fresh = false
				}
				last := &part.ScopeMetrics[len(part.ScopeMetrics)-1]
				last.Metrics = append(last.Metrics, piece)
				size += weight
				points += int64(n)
			})
		}
	}
	flush()
}

// eachPiece calls take with runs of a metric's data points that each fit one
// request, with their number and their estimated size in bytes.
func eachPiece(m metricdata.Metrics, take func(piece metricdata.Metrics, points, weight int)) {
	head := perSpan + len(m.Name) + len(m.Description) + len(m.Unit)
	with := func(data metricdata.Aggregation, points, weight int) {
		m.Data = data
		take(m, points, head+weight)
	}
	switch d := m.Data.(type) {
	case metricdata.Gauge[int64]:
		runs(d.DataPoints, weighPoint, func(some []metricdata.DataPoint[int64], w int) { d.DataPoints = some; with(d, len(some), w) })
	case metricdata.Gauge[float64]:
		runs(d.DataPoints, weighPoint, func(some []metricdata.DataPoint[float64], w int) { d.DataPoints = some; with(d, len(some), w) })
	case metricdata.Sum[int64]:
		runs(d.DataPoints, weighPoint, func(some []metricdata.DataPoint[int64], w int) { d.DataPoints = some; with(d, len(some), w) })
	case metricdata.Sum[float64]:
		runs(d.DataPoints, weighPoint, func(some []metricdata.DataPoint[float64], w int) { d.DataPoints = some; with(d, len(some), w) })
	case metricdata.Histogram[int64]:
		runs(d.DataPoints, weighHistogram, func(some []metricdata.HistogramDataPoint[int64], w int) { d.DataPoints = some; with(d, len(some), w) })
	case metricdata.Histogram[float64]:
		runs(d.DataPoints, weighHistogram, func(some []metricdata.HistogramDataPoint[float64], w int) { d.DataPoints = some; with(d, len(some), w) })
	case metricdata.ExponentialHistogram[int64]:
		runs(d.DataPoints, weighExponential, func(some []metricdata.ExponentialHistogramDataPoint[int64], w int) {
			d.DataPoints = some
			with(d, len(some), w)
		})
	case metricdata.ExponentialHistogram[float64]:
		runs(d.DataPoints, weighExponential, func(some []metricdata.ExponentialHistogramDataPoint[float64], w int) {
			d.DataPoints = some
			with(d, len(some), w)
		})
	case metricdata.Summary:
		runs(d.DataPoints, weighSummary, func(some []metricdata.SummaryDataPoint, w int) { d.DataPoints = some; with(d, len(some), w) })
	}
}

// perPoint is roughly the size of times and a value, in bytes.
const perPoint = 40

func weighSet(set attribute.Set) int {
	var item clean.Item
	item.Set(set)
	return perPoint + item.Weight()
}

// perExemplar is roughly the size of a time, a value and two ids, in bytes. The Reader
// removes the attributes of exemplars.
const perExemplar = 64

func weighPoint[N int64 | float64](p *metricdata.DataPoint[N]) int {
	return weighSet(p.Attributes) + perExemplar*len(p.Exemplars)
}

func weighHistogram[N int64 | float64](p *metricdata.HistogramDataPoint[N]) int {
	return weighSet(p.Attributes) + perExemplar*len(p.Exemplars) + 8*(len(p.Bounds)+len(p.BucketCounts)) + perPoint
}

func weighExponential[N int64 | float64](p *metricdata.ExponentialHistogramDataPoint[N]) int {
	buckets := len(p.PositiveBucket.Counts) + len(p.NegativeBucket.Counts)
	return weighSet(p.Attributes) + perExemplar*len(p.Exemplars) + 10*buckets + perPoint
}

func weighSummary(p *metricdata.SummaryDataPoint) int {
	return weighSet(p.Attributes) + perPoint*(1+len(p.QuantileValues))
}
