package guard

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/clean"
)

// The scope of a tracer, logger or meter is sent with every batch of its spans,
// records or series. If an application names one after what a stranger sent, each
// such batch would be refused, so scopes are cleaned when the tracer, logger or meter
// is made: the scope of an existing record cannot be changed.

// Tracers is the SDK's provider with clean scopes.
type Tracers struct{ *sdktrace.TracerProvider }

// Tracer implements [trace.TracerProvider].
func (p Tracers) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	c := trace.NewTracerConfig(opts...)
	s := scopeParts{name, c.InstrumentationVersion(), c.SchemaURL(), c.InstrumentationAttributes()}
	if !s.cleaned() {
		return p.TracerProvider.Tracer(name, opts...)
	}
	return p.TracerProvider.Tracer(s.name, trace.WithInstrumentationVersion(s.version),
		trace.WithSchemaURL(s.schemaURL), trace.WithInstrumentationAttributeSet(s.attributes))
}

// Loggers is the SDK's provider with clean scopes.
type Loggers struct{ *sdklog.LoggerProvider }

// Logger implements [log.LoggerProvider].
func (p Loggers) Logger(name string, opts ...log.LoggerOption) log.Logger {
	c := log.NewLoggerConfig(opts...)
	s := scopeParts{name, c.InstrumentationVersion(), c.SchemaURL(), c.InstrumentationAttributes()}
	if !s.cleaned() {
		return p.LoggerProvider.Logger(name, opts...)
	}
	return p.LoggerProvider.Logger(s.name, log.WithInstrumentationVersion(s.version),
		log.WithSchemaURL(s.schemaURL), log.WithInstrumentationAttributeSet(s.attributes))
}

// cleanMeter returns the name and options of a meter with a clean scope.
func cleanMeter(name string, opts []metric.MeterOption) (string, []metric.MeterOption) {
	c := metric.NewMeterConfig(opts...)
	s := scopeParts{name, c.InstrumentationVersion(), c.SchemaURL(), c.InstrumentationAttributes()}
	if !s.cleaned() {
		return name, opts
	}
	return s.name, []metric.MeterOption{metric.WithInstrumentationVersion(s.version),
		metric.WithSchemaURL(s.schemaURL), metric.WithInstrumentationAttributeSet(s.attributes)}
}

// scopeParts are what a scope is made of.
type scopeParts struct {
	name, version, schemaURL string
	attributes               attribute.Set
}

// cleaned reports whether anything had to be changed.
func (s *scopeParts) cleaned() bool {
	var item clean.Item
	s.name, s.version, s.schemaURL = item.Text(s.name), item.Text(s.version), item.Text(s.schemaURL)
	s.attributes = item.Set(s.attributes)
	return item.Changed()
}
