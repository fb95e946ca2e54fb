package otelmail

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	lognoop "go.opentelemetry.io/otel/log/noop"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/checkup"
	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/guard"
	"github.com/rusmes/otelmail/internal/stop"
)

// Start builds the pipelines: a resource, a MeterProvider, a TracerProvider and
// a LoggerProvider, fed to the exporters of the options, and installs them with
// the propagator as OpenTelemetry's global ones (unless [WithoutGlobals] is given). It
// reads OTEL_* and RUSMES_* settings; an option wins before its variable is looked at.
// A collector that is not there yet is no error.
//
// A wrong option is an error that names it, its value and what is allowed. A wrong
// variable is a warning to the error handler ([WithErrorHandler]) that says the same and
// what is used instead: a typo in telemetry does not take the probes away. It is an
// error where the variable guards something, which is the address and path of the served
// page, the files of TLS, the directory of the buffer and the file of the log; and for
// every variable with [WithStrictSettings]. All errors are named at once.
//
// Beside an error Start returns a Telemetry that records nothing, and has
// stopped whatever it had begun.
//
// Where no exporter takes spans, the methods of [Telemetry] record none: work has
// trace ids, for logs and exemplars, and nothing more.
//
// With OTEL_SDK_DISABLED=true nothing is recorded or pushed; the health probes
// are served all the same, and whatever else is wrong in the environment, strictly read or
// not, is a warning: except for the address that they are to be served on.
func Start(ctx context.Context, opts ...StartOption) (*Telemetry, error) {
	c, err := apply(opts, StartOption.applyToStart)
	if checkup.Do(ctx, checked{c, err}) {
		return noop(c.withoutHealth()), nil
	}
	if err != nil {
		return noop(c), fmt.Errorf("otelmail: start: %w", err)
	}
	t, err := start(ctx, c)
	if err != nil {
		return noop(c.withoutHealth()), fmt.Errorf("otelmail: start: %w", err)
	}
	return t, nil
}

func start(ctx context.Context, c *config) (*Telemetry, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	env, disabled := c.startEnv()
	s := readSettings(c, env)
	p := &pipeline{config: c, disabled: disabled, reader: newCommonReader(c), redactor: c.redactor()}
	p.reader.off = disabled
	res, err := newResource(ctx, c, s, p.places())
	if err != nil {
		return nil, errors.Join(env.Err(), err)
	}
	p.resource = res
	if v, ok := res.Set().Value(semconv.ServiceVersionKey); ok {
		c.version = v.AsString()
	}
	if c.health == nil {
		c.health = health.New()
	}
	log, wrong := openLog(c, env)
	wrong = errors.Join(wrong, registerChecks(c))
	var t *Telemetry
	if wrong == nil {
		t, err = p.build(ctx, s)
	} else {
		// The exporters are opened all the same, so that they report their own wrong
		// settings and an operator sees everything that is wrong at once.
		err = errors.Join(wrong, p.open(ctx))
	}
	if err != nil {
		if log.closer != nil {
			err = errors.Join(err, log.closer.Close())
		}
		return nil, errors.Join(err, p.abandon(ctx))
	}
	t.setLog(c, log)
	t.logHealth()
	if !c.keepGlobals {
		c.reports.install()
	}
	return t, nil
}

// build opens the exporters, makes the providers with what these added, binds the
// instruments, and then starts what the exporters asked to be started.
func (p *pipeline) build(ctx context.Context, s startSettings) (*Telemetry, error) {
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	own := p.newProviders(s)
	b := newBinder(own.meter, p.config.namespace)
	// The guard is for the application's instruments, not for those of b.
	own.meter = guard.Meters(own.meter, p.config.handle, p.config.self.refuse)
	t, err := bind(p.config, own, b, p.exports...)
	if err != nil {
		return nil, err
	}
	t.reader = p.reader
	for _, start := range p.starts {
		if err := start.Do(ctx); err != nil {
			return nil, fmt.Errorf("start %s: %w", start.Name, err)
		}
	}
	t.stopper.First = append(t.stopper.First, p.first...)
	t.stopper.Parallel = append(t.stopper.Parallel, p.stops...)
	t.stopper.Last = append(t.stopper.Last, p.last...)
	if err := t.startHealth(); err != nil {
		return nil, err
	}
	if !p.config.keepGlobals {
		install(own)
	}
	return t, nil
}

// open opens all exporters, even if one fails, and hands over the pages that they offer.
func (p *pipeline) open(ctx context.Context) error {
	var errs []error
	for _, e := range p.config.exporters {
		errs = append(errs, p.openOne(ctx, e))
	}
	var refused error
	wrong := contain.Apart(func() { refused = p.handOver() })
	errs = append(errs, refused, wrong)
	// All variables have been read by now.
	return errors.Join(append(errs, p.config.lookupFailed)...)
}

// openOne contains the panic of an exporter, such as a nil one of its type.
func (p *pipeline) openOne(ctx context.Context, e export.Exporter) error {
	var err error
	if wrong := contain.Apart(func() { err = e.Open(ctx, p) }); wrong != nil {
		return fmt.Errorf("open a %T: %w", e, wrong)
	}
	return err
}

// newProviders makes the providers.
func (p *pipeline) newProviders(s startSettings) providers {
	if p.disabled {
		return providers{metricnoop.NewMeterProvider(), tracenoop.NewTracerProvider(), lognoop.NewLoggerProvider(), s.propagator}
	}
	mp, tp, lp := p.newMeterProvider(s), p.newTracerProvider(s), p.newLoggerProvider(s)
	p.last = append(p.last,
		stop.Part{Name: "metrics", Run: mp.Shutdown},
		stop.Part{Name: "traces", Run: tp.Shutdown},
		stop.Part{Name: "logs", Run: lp.Shutdown})
	return providers{mp, guard.Tracers{TracerProvider: tp}, guard.Loggers{LoggerProvider: lp}, s.propagator}
}

func (p *pipeline) newMeterProvider(s startSettings) *sdkmetric.MeterProvider {
	options := []sdkmetric.Option{sdkmetric.WithResource(p.resource), sdkmetric.WithReader(p.reader),
		sdkmetric.WithView(views(p.config.namespace, p.histograms())...), sdkmetric.WithExemplarFilter(s.exemplars)}
	for _, r := range p.readers {
		options = append(options, sdkmetric.WithReader(r))
	}
	return sdkmetric.NewMeterProvider(options...)
}

func (p *pipeline) newTracerProvider(s startSettings) *sdktrace.TracerProvider {
	c := p.config
	if len(p.spanProcessors) == 0 {
		c.idsOnly = &idTracer{c.sampler}
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(p.resource), sdktrace.WithSampler(c.sampler), sdktrace.WithRawSpanLimits(s.spans)}
	var processors []sdktrace.SpanProcessor
	for _, sp := range p.spanProcessors {
		processors = append(processors, c.hooks.SpanProcessor(sp))
	}
	if c.keep != nil && len(processors) > 0 {
		c.keeper = newKeeper(c.keep, c.self.kept, processors)
		p.first = append(p.first, stop.Part{Name: "traces that are held", Run: c.keeper.close})
		processors = []sdktrace.SpanProcessor{c.hooks.SpanProcessor(c.keeper)}
	}
	for _, sp := range processors {
		options = append(options, sdktrace.WithSpanProcessor(sp))
	}
	if c.privacy != PrivacyFull {
		// A deferred span.End would write the value of a panic into the span.
		options = append(options, sdktrace.WithoutPanicRecording())
	}
	return sdktrace.NewTracerProvider(options...)
}

func (p *pipeline) newLoggerProvider(s startSettings) *sdklog.LoggerProvider {
	options := append([]sdklog.LoggerProviderOption{sdklog.WithResource(p.resource)}, s.logs...)
	for _, lp := range p.logProcessors {
		options = append(options, sdklog.WithProcessor(p.config.hooks.LogProcessor(lp)))
	}
	return sdklog.NewLoggerProvider(options...)
}

// providers are those of the options, else the global ones.
func (c *config) providers() providers {
	p := providers{meter: c.meterProvider, tracer: c.tracerProvider, logger: c.loggerProvider, propagator: c.propagator}
	if p.meter == nil {
		p.meter = otel.GetMeterProvider()
	}
	if p.tracer == nil {
		p.tracer = otel.GetTracerProvider()
	}
	if p.logger == nil {
		p.logger = otel.GetLoggerProvider()
	}
	if p.propagator == nil {
		p.propagator = otel.GetTextMapPropagator()
	}
	return p
}

func install(p providers) {
	otel.SetMeterProvider(p.meter)
	otel.SetTracerProvider(p.tracer)
	otel.SetLoggerProvider(p.logger)
	otel.SetTextMapPropagator(p.propagator)
}

// abandon stops what a failed Start had begun, as Shutdown does: a part that hangs
// must not hang Start.
func (p *pipeline) abandon(ctx context.Context) error {
	begun := stop.Stopper{Timeout: p.config.shutdownTimeout, Parallel: p.stops, Last: p.last}
	return begun.Stop(context.WithoutCancel(ctx))
}

// withoutHealth drops a registry that Start made itself, so that the no-op
// Telemetry does not get the checks a failed Start had registered in it.
func (c *config) withoutHealth() *config {
	d := *c
	d.health = nil
	return &d
}
