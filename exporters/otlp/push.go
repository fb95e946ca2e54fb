package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp/internal/store"
	"github.com/rusmes/otelmail/internal/report"
	"github.com/rusmes/otelmail/internal/settings"
)

// Push makes otelmail.Start push metrics, traces and logs. Without options it does
// what the environment says, and nothing where that names no endpoint; see the
// package comment.
func Push(opts ...Option) otelmail.StartOption {
	return otelmail.WithExporter(NewPusher(opts...))
}

// Pusher is the push of one otelmail.Start, for a program that wants to know what became
// of its telemetry: hand it to [otelmail.WithExporter] in place of [Push]. It is for one
// Start.
type Pusher struct {
	opts  []Option
	ways  []func() Stats
	stops []func(context.Context) error
	store *store.Store // nil: no buffer

	opened atomic.Bool // and all of its ways are
}

// NewPusher returns a Pusher. Its options are checked by otelmail.Start.
func NewPusher(opts ...Option) *Pusher { return &Pusher{opts: opts} }

// Open implements [export.Exporter]. All settings are checked before anything
// is opened.
func (e *Pusher) Open(ctx context.Context, p export.Pipeline) error {
	if e.opened.Load() {
		return errors.New("otlp: this Push or Pusher has been used: make one for each Start")
	}
	env := &environment{settings.NewEnv(p.LookupEnv, p.HandleError, p.StrictSettings())}
	c := env.choices(e.opts)
	if p.Disabled() && !p.StrictSettings() { // nothing is pushed; who is strict wants to know all the same
		return wrapped(env.Err())
	}
	r := env.resolve(c)
	if err := env.Err(); err != nil || p.Disabled() {
		return wrapped(err)
	}

	if r.buffered() {
		if err := e.openBuffer(p, r.buffer); err != nil {
			return fmt.Errorf("otlp: %w", err)
		}
		// Once all signals are opened, the last of them to stop closes the buffer.
		defer func() { _ = e.store.Leave(ctx) }()
	}
	err := errors.Join(
		e.openTraces(ctx, p, r.traces, r.spans),
		e.openMetrics(ctx, p, r.metrics, r.cadence),
		e.openLogs(ctx, p, r.logs, r.records),
	)
	if err == nil {
		err = e.registerCheck(p, c.maxAge)
	}
	if err != nil {
		// Nothing has been recorded yet, so that there is nothing to wait for.
		for _, stop := range e.stops {
			err = errors.Join(err, stop(ctx))
		}
		return fmt.Errorf("otlp: %w", err)
	}
	e.opened.Store(true)
	p.OnStats(e.series)
	return nil
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("otlp: %w", err)
}

// Stats returns what became of everything, one entry for each signal and destination.
// It returns nil before otelmail.Start, and the last counts after Shutdown. It is safe for
// concurrent use.
func (e *Pusher) Stats() []Stats {
	if !e.opened.Load() {
		return nil
	}
	all := make([]Stats, len(e.ways))
	for i, stats := range e.ways {
		all[i] = stats()
	}
	return all
}

// series is Stats as the telemetry_* series show them.
func (e *Pusher) series() []export.Stats {
	all := make([]export.Stats, len(e.ways))
	for i, s := range e.Stats() {
		all[i] = export.Stats{Signal: s.Signal, Sent: s.Sent, Dropped: s.Failed, Waiting: s.Waiting, Deferred: s.Deferred}
	}
	return all
}

func (e *Pusher) openTraces(ctx context.Context, p export.Pipeline, to plan, b batching) error {
	return e.openWays(ctx, p, traces, to, b, func(w way, printed bool) (end stop, err error) {
		var printer sdktrace.SpanExporter
		if printed {
			if printer, err = newSpanConsole(); err != nil {
				return nil, err
			}
		}
		push := newSpanPush(w, b, printer)
		p.AddSpanProcessor(push)
		return push.stop, nil
	})
}

func (e *Pusher) openLogs(ctx context.Context, p export.Pipeline, to plan, b batching) error {
	return e.openWays(ctx, p, logs, to, b, func(w way, printed bool) (end stop, err error) {
		var printer sdklog.Exporter
		if printed {
			if printer, err = newLogConsole(); err != nil {
				return nil, err
			}
		}
		push := newLogPush(w, b, printer)
		p.AddLogProcessor(push)
		return push.stop, nil
	})
}

func (e *Pusher) openMetrics(ctx context.Context, p export.Pipeline, to plan, k cadence) error {
	return e.openWays(ctx, p, metrics, to, batching{timeout: patience}, func(w way, printed bool) (end stop, err error) {
		k := k
		var printer sdkmetric.Exporter
		if printed {
			k.preference, k.exponential = Cumulative, false // settings of OTLP
			if printer, err = newMetricConsole(); err != nil {
				return nil, err
			}
		}
		push := newMetricPush(w, k, metricReader(p, k), printer)
		p.OnStart("otlp metrics", push.begin)
		return push.stop, nil
	})
}

// metricReader is the common reader, or a further one if the settings ask for what the
// common one cannot give.
func metricReader(p export.Pipeline, k cadence) export.Reader {
	if !k.ownReader() {
		return p.Reader()
	}
	return p.NewReader(k.temporality(), k.exponential)
}

// stop ends a push.
type stop = func(context.Context) error

// openWays makes the ways out of one signal and calls add with each.
func (e *Pusher) openWays(ctx context.Context, p export.Pipeline, s signal, to plan, b batching, add func(w way, printed bool) (stop, error)) error {
	opened := func(where string, w way, err error) error {
		var end stop
		if err == nil {
			if end, err = add(w, where == console); err != nil {
				err = errors.Join(err, w.shutdown(ctx, func(context.Context) error { return nil }, nil))
			}
		}
		if err != nil {
			return fmt.Errorf("%s to %s: %w", s.name, where, err)
		}
		e.ways = append(e.ways, w.stats)
		e.stops = append(e.stops, end)
		p.OnShutdown("otlp "+s.name, end)
		return nil
	}
	var errs [2]error
	switch {
	case to.otlp && e.store != nil:
		buffered, err := newBuffered(s, to.target, b.queue, e.store, p.HandleError)
		errs[0] = opened(to.target.shown(), buffered, err)
	case to.otlp:
		d, err := newDirect(s, to.target, b.queue, b.timeout, p.HandleError)
		errs[0] = opened(to.target.shown(), d, err)
	}
	if to.console {
		errs[1] = opened(console, newConsole(s, b.queue, p.HandleError), nil)
	}
	return errors.Join(errs[:]...)
}

// openBuffer opens the buffer for the signals that are opened next.
func (e *Pusher) openBuffer(p export.Pipeline, chosen bufferChoice) (err error) {
	reporter := report.New(p.HandleError, func(err error) string { return "otlp buffer: " + wordingFor(nil).text(err) })
	config := store.Config{
		Dir: chosen.dir, Setting: chosen.setting, MaxBytes: chosen.bytes, MaxAge: chosen.age,
		Report: func(err error) { reporter.Report("", err) },
	}
	for _, s := range []signal{traces, metrics, logs} {
		config.Signals = append(config.Signals, store.Signal{Name: s.name, Items: s.items})
	}
	e.store, err = store.Open(config)
	return err
}
