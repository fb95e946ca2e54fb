package main

import (
	"context"
	"errors"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail"
)

// providers are the application's own: spans and log records are written to standard
// output, and metrics are read from reader.
type providers struct {
	meter  *sdkmetric.MeterProvider
	tracer *sdktrace.TracerProvider
	logger *sdklog.LoggerProvider
}

func newProviders(reader *otelmail.Reader) (*providers, error) {
	about, err := resource.Merge(resource.Default(),
		resource.NewSchemaless(semconv.ServiceName("ownproviders"), semconv.ServiceVersion("0.1.0")))
	if err != nil {
		return nil, err
	}
	spans, err := stdouttrace.New(stdouttrace.WithWriter(os.Stdout))
	if err != nil {
		return nil, err
	}
	logs, err := stdoutlog.New(stdoutlog.WithWriter(os.Stdout))
	if err != nil {
		return nil, err
	}
	p := &providers{
		meter: sdkmetric.NewMeterProvider(sdkmetric.WithResource(about),
			sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...)), // otelmail: names and buckets
		tracer: sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(spans)),
		logger: sdklog.NewLoggerProvider(sdklog.WithResource(about), sdklog.WithProcessor(sdklog.NewBatchProcessor(logs))),
	}
	otel.SetMeterProvider(p.meter)
	otel.SetTracerProvider(p.tracer)
	return p, nil
}

// shutdown sends what has not been sent.
func (p *providers) shutdown(ctx context.Context) error {
	return errors.Join(p.tracer.Shutdown(ctx), p.logger.Shutdown(ctx), p.meter.Shutdown(ctx))
}
