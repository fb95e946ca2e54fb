package otlp

import (
	"context"

	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/rusmes/otelmail/exporters/otlp/internal/encode"
)

// logPush takes log records, queues them and hands them to a way out in batches, as
// spanPush does with spans.
type logPush struct {
	way
	intake  *intake[sdklog.Record]
	printer sdklog.Exporter // nil: they are sent
}

func newLogPush(w way, b batching, printer sdklog.Exporter) *logPush {
	p := &logPush{way: w, printer: printer}
	p.intake = newIntake(b, w, p.write)
	return p
}

// Enabled implements [sdklog.Processor].
func (p *logPush) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit implements [sdklog.Processor]; see spanPush.OnEnd.
func (p *logPush) OnEmit(_ context.Context, record *sdklog.Record) error {
	err := guard(func() error {
		cleanRecord(record)
		p.intake.add(record.Clone()) // the caller may go on changing it
		return nil
	})
	if err != nil {
		dropDamaged(p, err)
	}
	return nil
}

func (p *logPush) write(records []sdklog.Record) {
	batches(records, weighRecord, func(some []sdklog.Record) {
		p.take(p.lifetime(), int64(len(some)), false, func(ctx context.Context) ([]byte, error) {
			if p.printer != nil {
				return nil, p.printer.Export(ctx, some)
			}
			return encode.Records(some), nil
		})
	})
}

// ForceFlush implements [sdklog.Processor]; see spanPush.
func (p *logPush) ForceFlush(ctx context.Context) error { return p.flush(ctx, p.intake.flush) }

// Shutdown implements [sdklog.Processor]; see spanPush.
func (p *logPush) Shutdown(ctx context.Context) error {
	_ = p.stop(ctx)
	return nil
}

func (p *logPush) stop(ctx context.Context) error {
	return p.shutdown(ctx, func(ctx context.Context) error {
		return p.intake.stop(ctx)
	}, nil)
}
