package otelmail

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// labels are a series' label values, made once: as the SDK's observers take them
// and as a finished point has them.
type labels struct {
	set     attribute.Set
	options []metric.ObserveOption
}

func newLabels(attrs ...attribute.KeyValue) *labels {
	set := attribute.NewSet(attrs...)
	return &labels{set, []metric.ObserveOption{metric.WithAttributeSet(set)}}
}
