package clean

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Metrics makes every text and every attribute value valid UTF-8 of bounded
// length. One bad byte that an application put there would otherwise fail every
// scrape and every push from then on. It looks at our own scope too: an
// application may ask for a meter of that name.
func Metrics(rm *metricdata.ResourceMetrics) {
	for i := range rm.ScopeMetrics {
		metrics := rm.ScopeMetrics[i].Metrics
		for j := range metrics {
			m := &metrics[j]
			// The SDK reports an invalid name, but uses it all the same.
			var texts Item
			m.Name, m.Description, m.Unit = texts.Text(m.Name), texts.Text(m.Description), texts.Text(m.Unit)
			m.Data = data(m.Data)
		}
	}
}

// data returns all itself where no label had to be changed.
func data(all metricdata.Aggregation) metricdata.Aggregation {
	switch d := all.(type) {
	case metricdata.Sum[int64]:
		return sum(all, d)
	case metricdata.Sum[float64]:
		return sum(all, d)
	case metricdata.Gauge[int64]:
		return gauge(all, d)
	case metricdata.Gauge[float64]:
		return gauge(all, d)
	case metricdata.Histogram[int64]:
		return histogram(all, d)
	case metricdata.Histogram[float64]:
		return histogram(all, d)
	case metricdata.ExponentialHistogram[int64]:
		points(d.DataPoints, exponentialParts)
	case metricdata.ExponentialHistogram[float64]:
		points(d.DataPoints, exponentialParts)
	}
	return all
}

func sum[N int64 | float64](all metricdata.Aggregation, d metricdata.Sum[N]) metricdata.Aggregation {
	if !points(d.DataPoints, pointParts) {
		return all
	}
	d.DataPoints = joinEqual(d.DataPoints, pointParts, addPoint)
	return d
}

func gauge[N int64 | float64](all metricdata.Aggregation, d metricdata.Gauge[N]) metricdata.Aggregation {
	if !points(d.DataPoints, pointParts) {
		return all
	}
	d.DataPoints = joinEqual(d.DataPoints, pointParts, laterPoint)
	return d
}

func histogram[N int64 | float64](all metricdata.Aggregation, d metricdata.Histogram[N]) metricdata.Aggregation {
	if !points(d.DataPoints, histogramParts) {
		return all
	}
	d.DataPoints = joinEqual(d.DataPoints, histogramParts, addHistogram)
	return d
}

// points cleans the labels and reports whether any had to be changed.
func points[P any, N int64 | float64](list []P, parts func(*P) (*attribute.Set, []metricdata.Exemplar[N])) (changed bool) {
	for i := range list {
		labels, exemplars := parts(&list[i])
		var item Item
		if cleaned := item.Set(*labels); item.Changed() {
			*labels, changed = cleaned, true
		}
		// An attribute that a View dropped from the series, because it has too many
		// values or is a person's name, would otherwise leave in the exemplar.
		for j := range exemplars {
			exemplars[j].FilteredAttributes = nil
		}
	}
	return changed
}

func pointParts[N int64 | float64](p *metricdata.DataPoint[N]) (*attribute.Set, []metricdata.Exemplar[N]) {
	return &p.Attributes, p.Exemplars
}

func histogramParts[N int64 | float64](p *metricdata.HistogramDataPoint[N]) (*attribute.Set, []metricdata.Exemplar[N]) {
	return &p.Attributes, p.Exemplars
}

func exponentialParts[N int64 | float64](p *metricdata.ExponentialHistogramDataPoint[N]) (*attribute.Set, []metricdata.Exemplar[N]) {
	return &p.Attributes, p.Exemplars
}
