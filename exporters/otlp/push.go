package otlp

import (
	"context"
	"errors"
	"fmt"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/settings"
)

// Push has otelmail.Start push metrics, traces and logs. Without options it does
// what the environment says, and nothing where that names no endpoint; see the
// package's comment.
func Push(opts ...Option) otelmail.Option {
	return otelmail.WithExporter(&exporter{opts: opts})
}

// exporter implements [otelmail.Exporter].
type exporter struct {
	opts  []Option
	ways  []func() Stats
	stops []func(context.Context) error
	store *store // nil: no buffer
}

// Open implements [otelmail.Exporter]. All settings are checked before anything
// is opened.
func (e *exporter) Open(ctx context.Context, p *otelmail.Pipeline) error {
	env := &environment{Env: settings.Env{Lookup: p.LookupEnv}}
	var c choices
	for i, opt := range e.opts {
		if opt == nil {
			env.add(fmt.Errorf("otlp.Push: option %d is nil", i+1))
			continue
		}
		env.add(opt.applyAll(&c))
	}
	toTraces := env.plan(traces, c.traces, c.all)
	toMetrics := env.plan(metrics, c.metrics, c.all)
	toLogs := env.plan(logs, c.logs, c.all)
	buffer := env.buffer(c.buffer)
	bsp := settings.BSP
	if buffer.dir != "" {
		bsp.Delay = settings.BufferedBSPDelay
	}
	spans := env.batching(bsp, toTraces.target.timeout)
	records := env.batching(settings.BLRP, toLogs.target.timeout)
	cadence := env.cadence(c)
	if err := env.err(); err != nil {
		return fmt.Errorf("otlp: %w", err)
	}
	if p.Disabled() {
		return nil
	}

	if buffer.dir != "" && (toTraces.otlp || toMetrics.otlp || toLogs.otlp) {
		leave, err := e.openBuffer(ctx, p, buffer)
		if err != nil {
			return fmt.Errorf("otlp: %w", err)
		}
		defer leave()
	}
	err := errors.Join(
		e.openTraces(ctx, p, toTraces, spans),
		e.openMetrics(ctx, p, toMetrics, cadence),
		e.openLogs(ctx, p, toLogs, records),
	)
	if err != nil {
		// Nothing has been recorded yet, so that there is nothing to wait for.
		for _, stop := range e.stops {
			err = errors.Join(err, stop(ctx))
		}
		return fmt.Errorf("otlp: %w", err)
	}
	c.counts.open(e.stats)
	p.OnStats(e.series)
	return nil
}

// stats is what became of everything so far, one entry for each way out.
func (e *exporter) stats() []Stats {
	all := make([]Stats, len(e.ways))
	for i, stats := range e.ways {
		all[i] = stats()
	}
	return all
}

// series is stats as the telemetry_* series show them.
func (e *exporter) series() []otelmail.ExportStats {
	all := make([]otelmail.ExportStats, len(e.ways))
	for i, s := range e.stats() {
		all[i] = otelmail.ExportStats{Signal: s.Signal, Sent: s.Sent, Dropped: s.Failed, Waiting: s.Waiting()}
	}
	return all
}

func (e *exporter) openTraces(ctx context.Context, p *otelmail.Pipeline, to plan, b batching) error {
	if e.store != nil && to.otlp {
		if err := e.keepTraces(ctx, p, to, b); err != nil {
			return err
		}
		to.otlp = false // done; what is left is the console
	}
	return open(p, traces, to,
		func(w wire) (sdktrace.SpanExporter, error) { return newSpanExporter(ctx, to.target, w) },
		newSpanConsole,
		func(r *route, stock sdktrace.SpanExporter, close func() error) {
			push := newSpanPush(r, b, stock, close)
			p.AddSpanProcessor(push)
			e.opened(p, r.signal, r.stats, push.stop)
		})
}

func (e *exporter) openLogs(ctx context.Context, p *otelmail.Pipeline, to plan, b batching) error {
	if e.store != nil && to.otlp {
		if err := e.keepLogs(ctx, p, to, b); err != nil {
			return err
		}
		to.otlp = false // done; what is left is the console
	}
	return open(p, logs, to,
		func(w wire) (sdklog.Exporter, error) { return newLogExporter(ctx, to.target, w) },
		newLogConsole,
		func(r *route, stock sdklog.Exporter, close func() error) {
			push := newLogPush(r, b, stock, close)
			p.AddLogProcessor(push)
			e.opened(p, r.signal, r.stats, push.stop)
		})
}

func (e *exporter) openMetrics(ctx context.Context, p *otelmail.Pipeline, to plan, k cadence) error {
	if e.store != nil && to.otlp {
		if err := e.keepMetrics(ctx, p, to, k); err != nil {
			return err
		}
		to.otlp = false
	}
	return open(p, metrics, to,
		func(w wire) (sdkmetric.Exporter, error) { return newMetricExporter(ctx, to.target, w, k) },
		newMetricConsole,
		func(r *route, stock sdkmetric.Exporter, close func() error) {
			k := k
			if r.where == console {
				k.preference, k.exponential = Cumulative, false // settings of OTLP
			}
			push := newMetricPush(r, k, metricReader(p, k), stock, close)
			p.OnStart("otlp metrics", push.begin)
			e.opened(p, r.signal, r.stats, push.stop)
		})
}

// metricReader is the common reader, or one of our own if that cannot give what
// is asked for.
func metricReader(p *otelmail.Pipeline, k cadence) *otelmail.Reader {
	if !k.ownReader() {
		return p.Reader()
	}
	return p.NewReader(k.temporality(), k.exponential)
}

// opened has a way out stopped with everything else.
func (e *exporter) opened(p *otelmail.Pipeline, s signal, stats func() Stats, stop func(context.Context) error) {
	e.ways = append(e.ways, stats)
	e.stops = append(e.stops, stop)
	p.OnShutdown("otlp "+s.name, stop)
}

// console is where the exporter of that name writes.
const console = "standard output"

// open makes the ways out of one signal and hands them to add, each with what
// closes its connection.
func open[E any](
	p *otelmail.Pipeline, s signal, to plan,
	push func(wire) (E, error), print func() (E, error),
	add func(r *route, stock E, close func() error),
) error {
	if to.otlp {
		r := newRoute(s, to.target.url.String(), to.target.headers, p.HandleError)
		w, err := newWire(s, to.target, r.retry(to.target.timeout))
		if err != nil {
			r.end()
			return fmt.Errorf("%s: %w", s.name, err)
		}
		stock, err := push(w)
		if err != nil {
			r.end()
			return errors.Join(fmt.Errorf("%s to %s: %w", s.name, r.where, err), w.close())
		}
		add(r, stock, w.close)
	}
	if to.console {
		stock, err := print()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		add(newRoute(s, console, nil, p.HandleError), stock, func() error { return nil })
	}
	return nil
}
