package otelmail

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// cleanMetrics makes every text and every attribute value valid UTF-8 of bounded
// length. One bad byte that an application put there would otherwise fail every
// scrape and every push from then on. It looks at our own scope too: an
// application may ask for a meter of that name.
func cleanMetrics(rm *metricdata.ResourceMetrics) {
	for i := range rm.ScopeMetrics {
		metrics := rm.ScopeMetrics[i].Metrics
		for j := range metrics {
			m := &metrics[j]
			// The SDK says that a name is wrong, and uses it.
			for _, text := range []*string{&m.Name, &m.Description, &m.Unit} {
				if !fits(*text) {
					*text = CleanText(*text)
				}
			}
			m.Data = cleanData(m.Data)
		}
	}
}

// cleanData returns data itself where no label had to be changed.
func cleanData(data metricdata.Aggregation) metricdata.Aggregation {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		if cleanPoints(d.DataPoints) {
			d.DataPoints = joinEqual(d.DataPoints, labelsOfPoint, addPoint)
			return d
		}
	case metricdata.Sum[float64]:
		if cleanPoints(d.DataPoints) {
			d.DataPoints = joinEqual(d.DataPoints, labelsOfPoint, addPoint)
			return d
		}
	case metricdata.Gauge[int64]:
		if cleanPoints(d.DataPoints) {
			d.DataPoints = joinEqual(d.DataPoints, labelsOfPoint, laterPoint)
			return d
		}
	case metricdata.Gauge[float64]:
		if cleanPoints(d.DataPoints) {
			d.DataPoints = joinEqual(d.DataPoints, labelsOfPoint, laterPoint)
			return d
		}
	case metricdata.Histogram[int64]:
		if cleanHistogram(d.DataPoints) {
			d.DataPoints = joinEqual(d.DataPoints, labelsOfHistogram, addHistogram)
			return d
		}
	case metricdata.Histogram[float64]:
		if cleanHistogram(d.DataPoints) {
			d.DataPoints = joinEqual(d.DataPoints, labelsOfHistogram, addHistogram)
			return d
		}
	case metricdata.ExponentialHistogram[int64]:
		for i := range d.DataPoints {
			cleanPoint(&d.DataPoints[i].Attributes, d.DataPoints[i].Exemplars)
		}
	case metricdata.ExponentialHistogram[float64]:
		for i := range d.DataPoints {
			cleanPoint(&d.DataPoints[i].Attributes, d.DataPoints[i].Exemplars)
		}
	}
	return data
}

func cleanPoints[N int64 | float64](points []metricdata.DataPoint[N]) (changed bool) {
	for i := range points {
		changed = cleanPoint(&points[i].Attributes, points[i].Exemplars) || changed
	}
	return changed
}

func cleanHistogram[N int64 | float64](points []metricdata.HistogramDataPoint[N]) (changed bool) {
	for i := range points {
		changed = cleanPoint(&points[i].Attributes, points[i].Exemplars) || changed
	}
	return changed
}

// cleanPoint reports whether the labels had to be changed.
func cleanPoint[N int64 | float64](set *attribute.Set, exemplars []metricdata.Exemplar[N]) (changed bool) {
	if changed = !fitsSet(*set); changed {
		*set = attribute.NewSet(CleanAttributes(set.ToSlice())...)
	}
	// What a View dropped from the series, for being too many values or a
	// person's name, would otherwise leave in the exemplar.
	for i := range exemplars {
		exemplars[i].FilteredAttributes = nil
	}
	return changed
}

func fitsSet(set attribute.Set) bool {
	for i := range set.Len() {
		if kv, _ := set.Get(i); !fitsAttribute(kv) {
			return false
		}
	}
	return true
}
