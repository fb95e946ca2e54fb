package otlp

import (
	"context"
	"errors"

	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// keptLogs takes log records to the buffer, as keptSpans does with spans.
type keptLogs struct {
	*keeper
	intake *intake[sdklog.Record]
	stock  sdklog.Exporter
}

func newKeptLogs(ctx context.Context, k *keeper, b batching) (*keptLogs, error) {
	stock, err := newLogExporter(ctx, captureTarget(), captureWire())
	if err != nil {
		return nil, err
	}
	p := &keptLogs{keeper: k, stock: stock}
	p.intake = newIntake(b, k.accept, k.full, p.write)
	return p, nil
}

// Enabled implements [sdklog.Processor].
func (p *keptLogs) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit implements [sdklog.Processor]. It waits for nothing.
func (p *keptLogs) OnEmit(_ context.Context, record *sdklog.Record) error {
	err := guard(func() error {
		cleanRecord(record)
		p.intake.add(record.Clone()) // the caller may go on changing it
		return nil
	})
	if err != nil {
		p.reporter.report(err)
	}
	return nil
}

func (p *keptLogs) write(records []sdklog.Record) {
	batches(records, weighRecord, func(some []sdklog.Record) {
		p.keep(int64(len(some)), func(ctx context.Context) error { return p.stock.Export(ctx, some) })
	})
}

// ForceFlush implements [sdklog.Processor]; see keptSpans.
func (p *keptLogs) ForceFlush(ctx context.Context) error { return p.flush(ctx, p.intake.flush) }

// Shutdown implements [sdklog.Processor]; see keptSpans.
func (p *keptLogs) Shutdown(ctx context.Context) error {
	_ = p.stop(ctx)
	return nil
}

func (p *keptLogs) stop(ctx context.Context) error {
	return p.shutdown(ctx, func(ctx context.Context) error {
		return errors.Join(p.intake.stop(ctx), p.stock.Shutdown(ctx))
	})
}
