package prometheus

import (
	"cmp"
	"slices"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// plain turns the catalogue's counters and gauges into families without
// OpenTelemetry's exporter, which describes and checks each series anew at every
// scrape: with thousands of domains that was a third of a scrape. The catalogue's
// names are the same after translation and its values whole numbers, so there is
// nothing to describe. Whatever is not as expected is left to the exporter.
type plain struct {
	names  otlptranslator.MetricNamer
	labels otlptranslator.LabelNamer
}

func newPlain() plain {
	return plain{names: otlptranslator.NewMetricNamer("", translation)}
}

// split takes the plain families out of scopes, which are the caller's own.
func (p plain) split(scopes []metricdata.ScopeMetrics) (families []*dto.MetricFamily, rest []metricdata.ScopeMetrics) {
	taken := map[string]bool{}
	for _, sm := range scopes {
		if sm.Scope.Name == otelmail.ScopeName {
			left := make([]metricdata.Metrics, 0, len(sm.Metrics))
			for i := range sm.Metrics {
				m := &sm.Metrics[i]
				if mf := p.family(m); mf != nil && !taken[m.Name] {
					taken[m.Name] = true
					families = append(families, mf)
				} else {
					left = append(left, *m)
				}
			}
			sm.Metrics = left
		}
		rest = append(rest, sm)
	}
	return families, rest
}

// family returns nil where the metric is for OpenTelemetry's exporter.
func (p plain) family(m *metricdata.Metrics) *dto.MetricFamily {
	var points []metricdata.DataPoint[int64]
	as := otlptranslator.Metric{Name: m.Name, Unit: m.Unit}
	kind := dto.MetricType_GAUGE
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		if !d.IsMonotonic {
			return nil
		}
		points, kind, as.Type = d.DataPoints, dto.MetricType_COUNTER, otlptranslator.MetricTypeMonotonicCounter
	case metricdata.Gauge[int64]:
		points, as.Type = d.DataPoints, otlptranslator.MetricTypeGauge
	}
	if len(points) == 0 {
		return nil
	}
	if name, err := p.names.Build(as); err != nil || name != m.Name {
		return nil
	}
	metrics := p.metrics(points, kind)
	if metrics == nil {
		return nil
	}
	return &dto.MetricFamily{Name: &m.Name, Help: &m.Description, Type: &kind, Metric: metrics}
}

// row is all that a line of the page is made of, in one piece of memory.
type row struct {
	metric  dto.Metric
	counter dto.Counter
	gauge   dto.Gauge
	value   float64
	label   dto.LabelPair
	pairs   [1]*dto.LabelPair
	text    string
}

// metrics returns the series in the order of their labels, and nil where one
// needs more than this knows.
func (p plain) metrics(points []metricdata.DataPoint[int64], kind dto.MetricType) []*dto.Metric {
	rows := make([]row, len(points))
	metrics := make([]*dto.Metric, len(points))
	var key attribute.Key
	for i := range points {
		point, r := &points[i], &rows[i]
		if len(point.Exemplars) > 0 || point.Attributes.Len() > 1 {
			return nil
		}
		if kv, ok := point.Attributes.Get(0); ok {
			if i == 0 {
				key = kv.Key
				if name, err := p.labels.Build(string(key)); err != nil || name != string(key) {
					return nil
				}
			}
			r.text = kv.Value.AsString()
			if kv.Key != key || kv.Value.Type() != attribute.STRING || !utf8.ValidString(r.text) {
				return nil
			}
			r.label.Name, r.label.Value = (*string)(&key), &r.text
			r.pairs[0] = &r.label
			r.metric.Label = r.pairs[:]
		}
		r.value = float64(point.Value)
		if kind == dto.MetricType_COUNTER {
			r.counter.Value, r.metric.Counter = &r.value, &r.counter
		} else {
			r.gauge.Value, r.metric.Gauge = &r.value, &r.gauge
		}
		metrics[i] = &r.metric
	}
	return sorted(metrics)
}

// sorted returns nil where two series have the same labels.
func sorted(metrics []*dto.Metric) []*dto.Metric {
	compare := func(a, b *dto.Metric) int {
		switch {
		case len(a.Label) == 0 || len(b.Label) == 0:
			return cmp.Compare(len(a.Label), len(b.Label))
		default:
			return cmp.Compare(*a.Label[0].Value, *b.Label[0].Value)
		}
	}
	slices.SortFunc(metrics, compare)
	for i := 1; i < len(metrics); i++ {
		if compare(metrics[i-1], metrics[i]) == 0 {
			return nil
		}
	}
	return metrics
}
