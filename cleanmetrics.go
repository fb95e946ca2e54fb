package otelmail

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// cleanMetrics makes every attribute value valid UTF-8 of bounded length. One
// bad byte that an application put into an attribute would otherwise fail every
// scrape and every push from then on. Our own attributes are clean already.
func cleanMetrics(rm *metricdata.ResourceMetrics) {
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		if sm.Scope.Name == ScopeName {
			continue
		}
		for j := range sm.Metrics {
			cleanData(sm.Metrics[j].Data)
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
	for i := range exemplars {
		exemplars[i].FilteredAttributes = CleanAttributes(exemplars[i].FilteredAttributes)
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
