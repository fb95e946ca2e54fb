package otelmail

import (
	"fmt"
	"strconv"

	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/otelconv"

	"github.com/rusmes/otelmail/export"
)

// sdkExporter is the type of component under which OpenTelemetry's conventions see what
// counts itself by export.Pipeline.OnStats.
const sdkExporter = "github.com/rusmes/otelmail/export.Exporter"

// convention is an instrument of OpenTelemetry's conventions.
type convention interface {
	Name() string
	Unit() string
	Description() string
}

// sdkConventions are the instruments by signal, in the order of signals.
var sdkConventions = []struct{ exported, inflight convention }{
	{otelconv.SDKExporterSpanExported{}, otelconv.SDKExporterSpanInflight{}},
	{otelconv.SDKExporterMetricDataPointExported{}, otelconv.SDKExporterMetricDataPointInflight{}},
	{otelconv.SDKExporterLogExported{}, otelconv.SDKExporterLogInflight{}},
}

// bindSDK shows what the exporters count under the names that OpenTelemetry's conventions
// have for it, beside telemetry_sent_total and the like: for dashboards that know these names. They are
// no part of the catalogue, and not there without an exporter that counts.
func bindSDK(b *binder, stats *exportStats) {
	if len(stats.all) == 0 {
		return
	}
	for i, signal := range signals {
		names := sdkConventions[i]
		exported, err := b.meter.Int64ObservableCounter(names.exported.Name(),
			metric.WithDescription(names.exported.Description()), metric.WithUnit(names.exported.Unit()))
		if err != nil {
			b.errs = append(b.errs, fmt.Errorf("create %s: %w", names.exported.Name(), err))
			continue
		}
		inflight, err := b.meter.Int64ObservableUpDownCounter(names.inflight.Name(),
			metric.WithDescription(names.inflight.Description()), metric.WithUnit(names.inflight.Unit()))
		if err != nil {
			b.errs = append(b.errs, fmt.Errorf("create %s: %w", names.inflight.Name(), err))
			continue
		}
		for n, exporter := range stats.all {
			component := semconv.OTelComponentName(sdkExporter + "/" + strconv.Itoa(n))
			kind := semconv.OTelComponentTypeKey.String(sdkExporter)
			one := &exportStats{all: []*exporterStats{exporter}}
			sent := exportSource{one, signal, func(e export.Stats) int64 { return e.Sent }}
			dropped := exportSource{one, signal, func(e export.Stats) int64 { return e.Dropped }}
			waiting := exportSource{one, signal, func(e export.Stats) int64 { return e.Waiting }}
			b.series = append(b.series,
				series{exported, sent, newLabelSet(component, kind)},
				series{exported, dropped, newLabelSet(component, kind, semconv.ErrorTypeOther)},
				series{inflight, waiting, newLabelSet(component, kind)})
		}
	}
}
