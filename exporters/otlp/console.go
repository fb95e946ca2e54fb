package otlp

import (
	"os"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// console is where the exporters named console write: what os.Stdout is when they are opened.
const console = "standard output"

func newSpanConsole() (sdktrace.SpanExporter, error) {
	return stdouttrace.New(stdouttrace.WithWriter(os.Stdout))
}

func newMetricConsole() (sdkmetric.Exporter, error) {
	return stdoutmetric.New(stdoutmetric.WithWriter(os.Stdout))
}

func newLogConsole() (sdklog.Exporter, error) {
	return stdoutlog.New(stdoutlog.WithWriter(os.Stdout))
}
