package clean

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// joinEqual joins the points of series whose labels became the same when they were
// cleaned: of two with the same labels a page shows one, and loses the other's
// counts.
func joinEqual[P any, N int64 | float64](points []P, parts func(*P) (*attribute.Set, []metricdata.Exemplar[N]), join func(first, p *P)) []P {
	at := make(map[attribute.Distinct]int, len(points))
	out := make([]P, 0, len(points))
	for i := range points {
		labels, _ := parts(&points[i])
		key := labels.Equivalent()
		if first, ok := at[key]; ok {
			join(&out[first], &points[i])
			continue
		}
		at[key] = len(out)
		out = append(out, points[i])
	}
	return out
}

func addPoint[N int64 | float64](first, p *metricdata.DataPoint[N]) { first.Value += p.Value }

func laterPoint[N int64 | float64](first, p *metricdata.DataPoint[N]) {
	if p.Time.After(first.Time) {
		first.Value, first.Time = p.Value, p.Time
	}
}

// addHistogram adds a point of the same instrument, which has the same bounds.
func addHistogram[N int64 | float64](first, p *metricdata.HistogramDataPoint[N]) {
	first.Count += p.Count
	first.Sum += p.Sum
	first.BucketCounts = slices.Clone(first.BucketCounts)
	for i := range min(len(first.BucketCounts), len(p.BucketCounts)) {
		first.BucketCounts[i] += p.BucketCounts[i]
	}
	if v, ok := p.Min.Value(); ok {
		if least, ok := first.Min.Value(); !ok || v < least {
			first.Min = p.Min
		}
	}
	if v, ok := p.Max.Value(); ok {
		if most, ok := first.Max.Value(); !ok || v > most {
			first.Max = p.Max
		}
	}
}
