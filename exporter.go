package otelmail

import (
	"context"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/stop"
)

// Exporter is a way by which telemetry leaves the process. Start opens the
// exporters it was given with [WithExporter]: exporters/otlp pushes,
// exporters/prometheus is scraped.
type Exporter interface {
	// Open reads and checks the exporter's options and settings and adds its
	// parts to the pipeline. It may bind a listener and it may start
	// goroutines, as long as everything it started is stopped by what it gave
	// to [Pipeline.OnShutdown]: Start calls that too when a later exporter
	// fails. It must not wait for a remote peer: one that is not there yet is
	// no error.
	Open(ctx context.Context, p *Pipeline) error
}

// Pipeline is what [Start] is building, as an [Exporter] sees it.
type Pipeline struct {
	config         *config
	disabled       bool
	resource       *resource.Resource
	reader         *Reader
	readers        []sdkmetric.Reader
	ownForms       bool // a further reader has another form of histograms
	spanProcessors []sdktrace.SpanProcessor
	logProcessors  []sdklog.Processor
	starts         []stop.Part
	stops          []stop.Part
	last           []stop.Part
	exports        []func() []ExportStats
}

// Disabled reports OTEL_SDK_DISABLED=true: an exporter then exports nothing. A
// server of health probes still serves them.
func (p *Pipeline) Disabled() bool { return p.disabled }

// Resource describes the process: service.name, host, OTEL_RESOURCE_ATTRIBUTES.
func (p *Pipeline) Resource() *resource.Resource { return p.resource }

// Reader is the one guarded source of all metrics. It yields data from the
// moment that Start returns.
func (p *Pipeline) Reader() *Reader { return p.reader }

// Health is the registry behind /health, /ready and /live.
func (p *Pipeline) Health() *health.Registry { return p.config.health }

// Namespace is the prefix of every metric name of the catalogue, see [WithNamespace].
func (p *Pipeline) Namespace() string { return p.config.namespace }

// LookupEnv reads one environment variable, or the stand-in that
// [WithLookupEnv] gave.
func (p *Pipeline) LookupEnv(name string) (string, bool) { return p.config.lookup(name) }

// HandleError reports what went wrong in the background, see [WithErrorHandler].
func (p *Pipeline) HandleError(err error) { p.config.handle(err) }

// AddReader adds a further reader to the MeterProvider, for what the common one
// cannot give: another temporality or aggregation. Each further reader costs
// every histogram record once more.
func (p *Pipeline) AddReader(r sdkmetric.Reader) { p.readers = append(p.readers, r) }

// NewReader adds a further reader that is guarded as the common one is, for
// another temporality or for exponential histograms beside the documented buckets
// of the page. With cumulative temporality it also shows the catalogue's
// histograms in which nothing was recorded; with delta it leaves them out.
func (p *Pipeline) NewReader(temporality sdkmetric.TemporalitySelector, exponential bool) *Reader {
	p.ownForms = p.ownForms || exponential
	r := newReader(p.config, temporality, exponential || p.config.exponential)
	p.AddReader(r)
	return r
}

// histograms is the form that the Views pin.
func (p *Pipeline) histograms() histogramForm {
	if form := p.config.histograms(); form != explicitBuckets || !p.ownForms {
		return form
	}
	return formOfReader
}

// AddSpanProcessor adds sp to the TracerProvider. The exporter stops it in
// [Pipeline.OnShutdown].
func (p *Pipeline) AddSpanProcessor(sp sdktrace.SpanProcessor) {
	p.spanProcessors = append(p.spanProcessors, sp)
}

// AddLogProcessor adds lp to the LoggerProvider. The exporter stops it in
// [Pipeline.OnShutdown].
func (p *Pipeline) AddLogProcessor(lp sdklog.Processor) {
	p.logProcessors = append(p.logProcessors, lp)
}

// OnStats calls fn at each collection for the series telemetry_sent_total,
// telemetry_dropped_total and telemetry_waiting. fn must be fast and never block.
func (p *Pipeline) OnStats(fn func() []ExportStats) { p.exports = append(p.exports, fn) }

// OnStart calls fn once the providers exist and metrics can be collected.
func (p *Pipeline) OnStart(name string, fn func(context.Context) error) {
	p.starts = append(p.starts, stop.Part{Name: name, Run: fn})
}

// OnShutdown calls fn to flush and stop one part. All parts are stopped in parallel,
// each with the whole deadline, so that one that hangs takes nothing from the
// others. fn's error says how much could not be delivered and where to.
func (p *Pipeline) OnShutdown(name string, fn func(context.Context) error) {
	p.stops = append(p.stops, stop.Part{Name: name, Run: fn})
}
