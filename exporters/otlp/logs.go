package otlp

import (
	"context"
	"fmt"

	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// logPush takes log records, queues them and sends them in batches, as spanPush
// does with spans.
type logPush struct {
	*route
	batching batching
	batch    *sdklog.BatchProcessor
	stock    sdklog.Exporter
	close    func() error
}

func newLogPush(r *route, b batching, stock sdklog.Exporter, close func() error) *logPush {
	p := &logPush{route: r, batching: b, stock: stock, close: close}
	p.batch = sdklog.NewBatchProcessor(logSink{p},
		sdklog.WithMaxQueueSize(b.queue),
		sdklog.WithExportMaxBatchSize(b.most),
		sdklog.WithExportInterval(b.delay),
		sdklog.WithExportTimeout(b.timeout),
	)
	return p
}

// Enabled implements [sdklog.Processor].
func (p *logPush) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit implements [sdklog.Processor]. The record is cleaned before it is
// queued, so that the queue's memory is bounded too.
func (p *logPush) OnEmit(ctx context.Context, record *sdklog.Record) error {
	p.produced.Add(1)
	err := guard(func() error {
		cleanRecord(record)
		return p.batch.OnEmit(ctx, record)
	})
	if err != nil {
		p.reporter.report(err)
	}
	return nil
}

// ForceFlush implements [sdklog.Processor].
func (p *logPush) ForceFlush(ctx context.Context) error {
	before := p.failed.Load()
	if err := p.batch.ForceFlush(ctx); err != nil {
		return fmt.Errorf("otlp logs: flush: %w", err)
	}
	return p.failedSince(before)
}

// Shutdown implements [sdklog.Processor]; see spanPush.
func (p *logPush) Shutdown(ctx context.Context) error {
	_ = p.stop(ctx)
	return nil
}

func (p *logPush) stop(ctx context.Context) error {
	return p.shutdown(ctx, p.batch.Shutdown, func() error { return p.undelivered(p.batching.queue) })
}

// logSink is logPush as the batch processor sees it.
type logSink struct{ *logPush }

// Export implements [sdklog.Exporter]. Like spanSink's it returns no error.
func (p logSink) Export(ctx context.Context, records []sdklog.Record) error {
	p.arrived(len(records), p.batching)
	batches(records, weighRecord, func(some []sdklog.Record) {
		lost, _ := p.deliver(ctx, int64(len(some)), func(ctx context.Context) error {
			return p.stock.Export(ctx, some)
		})
		p.failed.Add(lost)
	})
	return nil
}

// ForceFlush implements [sdklog.Exporter].
func (p logSink) ForceFlush(ctx context.Context) error { return p.stock.ForceFlush(ctx) }

// Shutdown implements [sdklog.Exporter].
func (p logSink) Shutdown(ctx context.Context) error {
	err := p.stock.Shutdown(ctx)
	if closed := p.close(); err == nil {
		err = closed
	}
	return err
}
