package otelmail

import (
	"context"
	"errors"
	"fmt"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/settings"
	"github.com/rusmes/otelmail/internal/stop"
)

// pipeline is what Start is building. Its exported methods are those of
// [export.Pipeline], where they are described.
type pipeline struct {
	config         *config
	disabled       bool
	resource       *resource.Resource
	reader         *Reader
	redactor       *redactor
	readers        []sdkmetric.Reader
	ownForms       bool // a further reader has another form of histograms
	spanProcessors []sdktrace.SpanProcessor
	logProcessors  []sdklog.Processor
	starts         []stop.Part
	first          []stop.Part
	stops          []stop.Part
	last           []stop.Part
	exports        []func() []export.Stats
	pages          []export.Page
	servers        []func(export.Page) error
}

func (p *pipeline) Disabled() bool { return p.disabled }

func (p *pipeline) Resource() *resource.Resource { return p.resource }

func (p *pipeline) Reader() export.Reader { return p.reader }

func (p *pipeline) Health() *health.Registry { return p.config.health }

// LookupEnv hides the one variable of an exporter that an option of Start wins over.
func (p *pipeline) LookupEnv(name string) (string, bool) {
	if p.config.exponential && name == settings.HistogramAggregation.Name() {
		return "", false
	}
	return p.config.lookup(name)
}

func (p *pipeline) StrictSettings() bool { return p.config.strict }

func (p *pipeline) Forms(text string) []string { return p.redactor.forms(text) }

func (p *pipeline) Sessions() func(protocol string, most int) []export.Session {
	return p.config.open.listing()
}

func (p *pipeline) HandleError(err error) { p.config.handle(err) }

func (p *pipeline) AddReader(r sdkmetric.Reader) { p.readers = append(p.readers, r) }

func (p *pipeline) NewReader(temporality sdkmetric.TemporalitySelector, exponential bool) export.Reader {
	p.ownForms = p.ownForms || exponential
	r := newReader(p.config, temporality, exponential || p.config.exponential)
	p.AddReader(r)
	return r
}

// histograms is the form that the Views pin.
func (p *pipeline) histograms() histogramForm {
	if form := p.config.histograms(); form != explicitBuckets || !p.ownForms {
		return form
	}
	return formOfReader
}

func (p *pipeline) AddSpanProcessor(sp sdktrace.SpanProcessor) {
	p.spanProcessors = append(p.spanProcessors, sp)
}

func (p *pipeline) AddLogProcessor(lp sdklog.Processor) {
	p.logProcessors = append(p.logProcessors, lp)
}

func (p *pipeline) OnStats(fn func() []export.Stats) { p.exports = append(p.exports, fn) }

func (p *pipeline) OfferPage(page export.Page) { p.pages = append(p.pages, page) }

func (p *pipeline) OnPage(fn func(export.Page) error) { p.servers = append(p.servers, fn) }

// handOver gives the pages to those who serve HTTP.
func (p *pipeline) handOver() error {
	var errs []error
	for _, page := range p.pages {
		if len(p.servers) == 0 {
			errs = append(errs, fmt.Errorf("%s: nothing serves the page: want an exporter with an HTTP server, such as prometheus.Serve", page.Name))
		}
		for _, serve := range p.servers {
			errs = append(errs, serve(page))
		}
	}
	return errors.Join(errs...)
}

func (p *pipeline) OnStart(name string, fn func(context.Context) error) {
	p.starts = append(p.starts, stop.Part{Name: name, Run: fn})
}

func (p *pipeline) OnShutdown(name string, fn func(context.Context) error) {
	p.stops = append(p.stops, stop.Part{Name: name, Run: fn})
}
