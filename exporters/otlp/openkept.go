package otlp

import (
	"context"
	"errors"
	"fmt"

	"github.com/rusmes/otelmail"
)

// openBuffer opens the buffer for the signals that are opened next. leave is for
// when they are: from then on the last of them closes it.
func (e *exporter) openBuffer(ctx context.Context, p *otelmail.Pipeline, said bufferChoice) (leave func(), err error) {
	report := (&reporter{prefix: "otlp buffer", secrets: hide(nil), handle: p.HandleError}).report
	if e.store, err = openStore(said, report); err != nil {
		return nil, err
	}
	return func() { _ = e.store.leave(ctx, nil) }, nil
}

// openKeeper makes the way out of one signal that leads over the buffer.
func (e *exporter) openKeeper(p *otelmail.Pipeline, s signal, to plan) (*keeper, error) {
	k, err := newKeeper(s, to.target, e.store, p.HandleError)
	if err != nil {
		return nil, fmt.Errorf("%s to %s: %w", s.name, to.target.url, err)
	}
	return k, nil
}

func (e *exporter) keepTraces(ctx context.Context, p *otelmail.Pipeline, to plan, b batching) error {
	k, err := e.openKeeper(p, traces, to)
	if err != nil {
		return err
	}
	kept, err := newKeptSpans(ctx, k, b)
	if err != nil {
		return errors.Join(fmt.Errorf("traces: %w", err), k.shutdown(ctx, nothing))
	}
	p.AddSpanProcessor(kept)
	e.opened(p, traces, k.stats, kept.stop)
	return nil
}

func (e *exporter) keepLogs(ctx context.Context, p *otelmail.Pipeline, to plan, b batching) error {
	k, err := e.openKeeper(p, logs, to)
	if err != nil {
		return err
	}
	kept, err := newKeptLogs(ctx, k, b)
	if err != nil {
		return errors.Join(fmt.Errorf("logs: %w", err), k.shutdown(ctx, nothing))
	}
	p.AddLogProcessor(kept)
	e.opened(p, logs, k.stats, kept.stop)
	return nil
}

func (e *exporter) keepMetrics(ctx context.Context, p *otelmail.Pipeline, to plan, c cadence) error {
	k, err := e.openKeeper(p, metrics, to)
	if err != nil {
		return err
	}
	kept, err := newKeptMetrics(ctx, k, c, metricReader(p, c))
	if err != nil {
		return errors.Join(fmt.Errorf("metrics: %w", err), k.shutdown(ctx, nothing))
	}
	p.OnStart("otlp metrics", kept.begin)
	e.opened(p, metrics, k.stats, kept.stop)
	return nil
}

func nothing(context.Context) error { return nil }
