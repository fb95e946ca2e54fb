package registry

import (
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/otelconv"

	"github.com/rusmes/otelmail/internal/convention"
)

// Imports are what is emitted as another registry has it.
type Imports struct {
	Metrics []string `yaml:"metrics"`
}

// named is an instrument of OpenTelemetry's conventions.
type named interface {
	Name() string
	Unit() string
}

// imported are the metrics of OpenTelemetry's conventions that are emitted beside ours, with
// the attributes that they have here.
var imported = []Group{
	importedMetric("counter", otelconv.SDKExporterSpanExported{}),
	importedMetric("updowncounter", otelconv.SDKExporterSpanInflight{}),
	importedMetric("counter", otelconv.SDKExporterMetricDataPointExported{}),
	importedMetric("updowncounter", otelconv.SDKExporterMetricDataPointInflight{}),
	importedMetric("counter", otelconv.SDKExporterLogExported{}),
	importedMetric("updowncounter", otelconv.SDKExporterLogInflight{}),
}

func importedMetric(instrument string, m named) Group {
	all := convention.Always(semconv.OTelComponentNameKey, semconv.OTelComponentTypeKey)
	if instrument == "counter" {
		all = append(all, convention.Where("The items were dropped", semconv.ErrorTypeKey)...)
	}
	return Group{MetricName: m.Name(), Instrument: instrument, Unit: m.Unit(), Attributes: uses(all)}
}
