package otelmail

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail/catalog"
)

// recordOptions are the labels of one series of a histogram whose labels are not all
// closed sets: one value for each label of the catalogue. Keep them: to make them costs
// more than to record.
func recordOptions(m *catalog.Metric, values ...string) []metric.RecordOption {
	attrs := make([]attribute.KeyValue, len(values))
	for i, v := range values {
		attrs[i] = attribute.String(m.Labels[i].Key, v)
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}
