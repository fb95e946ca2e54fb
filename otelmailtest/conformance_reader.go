package otelmailtest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// MetricsFrom reads what a Reader collects, for [Server].Metrics: that of a Telemetry
// ([otelmail.Telemetry.Reader]), or an SDK's, such as an sdkmetric.ManualReader. For a server
// that serves no /metrics.
//
// [otelmail.Telemetry.Reader]: https://pkg.go.dev/github.com/rusmes/otelmail#Telemetry.Reader
func MetricsFrom(reader interface {
	Collect(context.Context, *metricdata.ResourceMetrics) error
}) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var all metricdata.ResourceMetrics
		if err := reader.Collect(ctx, &all); err != nil {
			return "", fmt.Errorf("collect: %w", err)
		}
		var b strings.Builder
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				writeMetric(&b, m)
			}
		}
		return b.String(), nil
	}
}

func writeMetric(b *strings.Builder, m metricdata.Metrics) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		writePoints(b, m.Name, data.DataPoints)
	case metricdata.Sum[float64]:
		writePoints(b, m.Name, data.DataPoints)
	case metricdata.Gauge[int64]:
		writePoints(b, m.Name, data.DataPoints)
	case metricdata.Gauge[float64]:
		writePoints(b, m.Name, data.DataPoints)
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			writeSample(b, m.Name+"_count", p.Attributes, float64(p.Count))
			writeSample(b, m.Name+"_sum", p.Attributes, p.Sum)
		}
	}
}

func writePoints[N int64 | float64](b *strings.Builder, name string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		writeSample(b, name, p.Attributes, float64(p.Value))
	}
}

func writeSample(b *strings.Builder, name string, labels attribute.Set, value float64) {
	b.WriteString(name)
	separator := "{"
	for _, label := range labels.ToSlice() { // in the order of their keys
		fmt.Fprintf(b, "%s%s=%q", separator, label.Key, label.Value.String())
		separator = ","
	}
	if separator == "," {
		b.WriteString("}")
	}
	b.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}
