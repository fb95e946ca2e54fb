package otelmailtest

import (
	"context"
	"fmt"
	"strings"

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
				for _, s := range samplesOf(m) {
					b.WriteString(s.String() + " " + number(s.value) + "\n")
				}
			}
		}
		return b.String(), nil
	}
}
