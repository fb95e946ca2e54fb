package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// keptMetrics collects all metrics at an interval and takes every collection to
// the buffer, so that an outage leaves no gap in a curve either.
type keptMetrics struct {
	*keeper
	cadence cadence
	reader  *otelmail.Reader
	stock   sdkmetric.Exporter

	start   sync.Once
	done    chan struct{} // closed when the loop has ended
	failure error         // of the last collection; the loop's until done
}

func newKeptMetrics(ctx context.Context, k *keeper, c cadence, reader *otelmail.Reader) (*keptMetrics, error) {
	stock, err := newMetricExporter(ctx, captureTarget(), captureWire(), c)
	if err != nil {
		return nil, err
	}
	return &keptMetrics{keeper: k, cadence: c, reader: reader, stock: stock, done: make(chan struct{})}, nil
}

// begin starts the loop. The first collection follows after one interval.
func (p *keptMetrics) begin(context.Context) error {
	p.start.Do(func() {
		go func() {
			defer close(p.done)
			p.cadence.keep(p.life, p.stopping, p.cycle)
		}()
	})
	return nil
}

func (p *keptMetrics) cycle(ctx context.Context) {
	var all metricdata.ResourceMetrics
	if p.failure = p.reader.Collect(ctx, &all); p.failure != nil {
		p.reporter.report(p.failure)
	}
	splitMetrics(&all, func(part *metricdata.ResourceMetrics, points int64) {
		p.store.accept(p.account, points)
		p.keep(points, func(ctx context.Context) error { return p.stock.Export(ctx, part) })
	})
}

// stop makes the last collection and takes it to the buffer.
func (p *keptMetrics) stop(ctx context.Context) error {
	err := p.shutdown(ctx, func(ctx context.Context) error {
		// A start that comes too late finds nothing to do any more.
		p.start.Do(func() { close(p.done) })
		select {
		case <-p.done:
		case <-p.life.Done():
		}
		return p.stock.Shutdown(ctx)
	})
	select {
	case <-p.done:
	default:
		return errors.Join(err, errors.New("otlp metrics: the last collection has not ended, nothing of it is kept: a callback or the disk hangs"))
	}
	if p.failure != nil {
		return errors.Join(err, fmt.Errorf("otlp metrics: the last collection is not kept whole: %w", p.failure))
	}
	return err
}
