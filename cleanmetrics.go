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
			cleanData(m.Data)
		}
	}
}

func cleanData(data metricdata.Aggregation) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		cleanPoints(d.DataPoints)
	case metricdata.Sum[float64]:
		cleanPoints(d.DataPoints)
	case metricdata.Gauge[int64]:
		cleanPoints(d.DataPoints)
	case metricdata.Gauge[float64]:
		cleanPoints(d.DataPoints)
	case metricdata.Histogram[int64]:
		for i := range d.DataPoints {
			cleanPoint(&d.DataPoints[i].Attributes, d.DataPoints[i].Exemplars)
		}
	case metricdata.Histogram[float64]:
		for i := range d.DataPoints {
			cleanPoint(&d.DataPoints[i].Attributes, d.DataPoints[i].Exemplars)
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
}

func cleanPoints[N int64 | float64](points []metricdata.DataPoint[N]) {
	for i := range points {
		cleanPoint(&points[i].Attributes, points[i].Exemplars)
	}
}

func cleanPoint[N int64 | float64](set *attribute.Set, exemplars []metricdata.Exemplar[N]) {
	if !fitsSet(*set) {
		attrs := CleanAttributes(set.ToSlice())
		*set = attribute.NewSet(attrs...)
	}
	// What a View dropped from the series, for being too many values or a
	// person's name, would otherwise leave in the exemplar.
	for i := range exemplars {
		exemplars[i].FilteredAttributes = nil
	}
}

func fitsSet(set attribute.Set) bool {
	for i := range set.Len() {
		if kv, _ := set.Get(i); !fitsAttribute(kv) {
			return false
		}
	}
	return true
}
